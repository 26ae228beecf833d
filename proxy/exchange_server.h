// Answers requests: routes each one, runs its chain, delivers the answer, and tells the observers.
// One a worker, on its thread.
#pragma once

#include <exception>
#include <memory>

#include "filters/exchange.h"
#include "proxy/base/log.h"
#include "proxy/base/metrics.h"
#include "proxy/generation.h"
#include "proxy/http/server.h"

namespace outrigger {

class ExchangeServer final : public http::ExchangeHandler {
 public:
  // All outlive the server.
  ExchangeServer(EventLoop& loop, MetricShard& metrics, Logger& log) noexcept
      : loop_(loop), metrics_(metrics), log_(log) {}

  // Exchanges that begin from now on use `generation`.
  void use(std::shared_ptr<Generation> generation) noexcept { generation_ = std::move(generation); }
  [[nodiscard]] const std::shared_ptr<Generation>& generation() const noexcept {
    return generation_;
  }

  Task<void> serve(http::Request&& request, http::ResponseSink& sink,
                   const http::ClientInfo& client, CancelScope& scope) override;
  http::Response refuse(int status, std::string_view code, std::string_view detail,
                        const http::ClientInfo& client) override;

 private:
  http::Response answer_bug(filters::Exchange& exchange, Generation& generation,
                            const std::exception& bug);
  static http::Response misroute(filters::Exchange& exchange, Generation& generation,
                                 const upstream::Misroute& misroute);

  EventLoop& loop_;
  MetricShard& metrics_;
  Logger& log_;
  std::shared_ptr<Generation> generation_;
};

}  // namespace outrigger

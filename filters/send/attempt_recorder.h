// Writes the attempt log of an exchange from what the upstream side reports, and passes the stages
// on to whoever times them. Part of the exchange.
#pragma once

#include "proxy/upstream/attempt_listener.h"

namespace outrigger::filters {

struct Exchange;

class AttemptRecorder final : public upstream::AttemptListener {
 public:
  explicit AttemptRecorder(Exchange& exchange) noexcept : exchange_(exchange) {}

  void on_endpoint(std::uint16_t index, std::string_view name) override;
  void on_queued() override;
  void on_resolving() override;
  void on_connecting() override;
  void on_handshaking() override;
  void on_connection(bool reused) override;
  void on_sending() override;
  void on_request_sent() override;
  Task<Status> on_interim(http::ResponseHead head) override;
  [[nodiscard]] bool may_repeat() const noexcept override;
  void on_failed(const Error& error) override;
  void on_response(const http::Response& response) override;

 private:
  Exchange& exchange_;
};

}  // namespace outrigger::filters

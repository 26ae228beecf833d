// A client's request as an exchange of its own, so that it runs on when the client leaves. Whoever
// runs it gives its answer to a Recording. Lives on that client's worker.
#pragma once

#include <memory>
#include <utility>

#include "filters/exchange.h"
#include "filters/recording/recording.h"

namespace outrigger::filters {

class Detached {
 public:
  // The coding of the answer: as this client takes it, or one that whoever comes later takes too.
  enum class Coding : std::uint8_t { kOfClient, kIdentity };
  // Takes the request, which is all there, out of `client`. `worker` outlives it. Interim responses
  // go to `answer`; the final one is for whoever runs it to record.
  Detached(Exchange& client, CancelScope& worker, Coding coding, std::shared_ptr<Recording> answer);
  Detached(const Detached&) = delete;
  Detached& operator=(const Detached&) = delete;
  ~Detached() = default;

  // How it went so far, for the log and the headers of the client that began it.
  void tell(Exchange& client);

 private:
  class Interims final : public http::ResponseSink {
   public:
    explicit Interims(std::shared_ptr<Recording> answer) noexcept : answer_(std::move(answer)) {}
    Task<Status> interim(http::ResponseHead head, CancelScope&) override;
    Task<http::Delivery> send(http::Response, CancelScope&) override { co_return http::Delivery{}; }

   private:
    std::shared_ptr<Recording> answer_;
  };
  Interims interims_;
  const http::ClientInfo client_;

 public:
  CancelScope scope;
  Exchange exchange;
};

// Until the client's own deadline, for whoever waits for work that has another's.
[[nodiscard]] Duration time_left(const Exchange& client);

}  // namespace outrigger::filters

// One HTTP/1 connection to an endpoint: carries one exchange at a time. Owned by the endpoint's
// pool while idle, by the response (its body or tunnel) while in use. One worker thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "proxy/base/buffer.h"
#include "proxy/http/h1_body.h"
#include "proxy/http/h1_parser.h"
#include "proxy/http/h1_writer.h"
#include "proxy/http/message.h"
#include "proxy/net/stream.h"
#include "proxy/runtime/task_group.h"
#include "proxy/upstream/progress.h"

namespace outrigger::upstream {

class H1Connection;

// Who takes a connection back; the endpoint's pool.
class H1Owner {
 public:
  // The exchange is over. A reusable connection may be pooled; any other must be destroyed.
  virtual void give_back(std::unique_ptr<H1Connection> connection) = 0;

 protected:
  ~H1Owner() = default;
};

// The right to use one connection for one exchange; gives it back when destroyed.
class H1Lease {
 public:
  H1Lease(H1Owner& owner, std::unique_ptr<H1Connection> connection) noexcept;
  H1Lease(H1Lease&&) noexcept;
  H1Lease& operator=(H1Lease&&) = delete;
  ~H1Lease();
  H1Connection& operator*() const noexcept { return *connection_; }
  H1Connection* operator->() const noexcept { return connection_.get(); }
  void release();
  [[nodiscard]] bool held() const noexcept { return connection_ != nullptr; }

 private:
  H1Owner* owner_;
  std::unique_ptr<H1Connection> connection_;
};

class H1Connection {
 public:
  H1Connection(std::unique_ptr<Stream> stream, http::HeadLimits limits,
               std::optional<Duration> write_stall);
  ~H1Connection();

  // Sends the request and returns the response when its head is there; its body holds the lease. Up
  // to eight interim responses go to `progress`, which is used until this returns. A body that is
  // not in memory is sent meanwhile and goes on after an early response, so `request` outlives the
  // response; one that is in memory is left in place, for another attempt. Errors carry the phase:
  // kNothingAccepted when the upstream's kernel acknowledged no byte of the request, so that it
  // provably saw none.
  static Task<Result<http::Response>> exchange(H1Lease lease, http::Request& request,
                                               CancelScope& scope, RequestProgress& progress);

  // Nothing is left over from the last exchange, and the upstream has not closed.
  [[nodiscard]] bool reusable() const noexcept;
  [[nodiscard]] bool used() const noexcept { return exchanges_ > 0; }
  [[nodiscard]] Stream& stream() noexcept { return *stream_; }

 private:
  class ResponseBody;
  class ResponseTunnel;
  static constexpr int kMaxInterim = 8;  // architecture 9, rule 8

  struct GiveUp;
  CancelScope& begin(const http::Request& request, CancelScope& outer, RequestProgress& progress);
  Status send(http::Request& request);
  Status finish_sending();
  Task<void> pump(http::Request& request, http::BodyFraming framing);
  void request_sent();
  [[nodiscard]] bool may_have_answered(const Error& error) const;
  Result<http::ResponseHead> hear();
  Result<http::ResponseHead> parse_input();
  Result<http::Response> conclude(H1Lease lease, Result<http::ResponseHead> head,
                                  const http::RequestHead& of);
  Result<http::Response> begin_response(http::ResponseHead head, const http::RequestHead& of);
  Status write_head(const http::RequestHead& head, const http::BodyFraming& framing);
  Result<http::Response> switch_protocols(http::ResponseHead head, const http::RequestHead& of);
  [[nodiscard]] Error with_phase(Error error) const;

  std::unique_ptr<Stream> stream_;
  std::optional<Duration> write_stall_;
  Slice input_;
  Buffer partial_;
  Buffer out_;
  http::ResponseParser parser_;
  http::H1BodyReader reader_;
  RequestProgress* progress_ = nullptr;       // while the response head is awaited
  std::unique_ptr<GiveUp> give_up_;           // while a body is pumped
  std::optional<http::WholeMessage> unsent_;  // what the kernel did not take at once
  std::uint64_t written_before_ = 0;          // of this exchange's first byte
  std::uint32_t exchanges_ = 0;
  std::string websocket_key_;  // of a WebSocket that came over HTTP/2 (RFC 8441)
  bool switched_ = false;      // the answer was 101: the connection is a tunnel now
  bool sent_ = true;           // the request is wholly written
  bool answered_ = false;      // a byte of a response came
  bool persistent_ = false;    // the response lets the connection live on
  CancelScope pump_scope_;
  TaskGroup pump_;  // last: its frames use the members above
};

}  // namespace outrigger::upstream

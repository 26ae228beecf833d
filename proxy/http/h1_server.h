// One client's HTTP/1 connection: reads requests one after the other, has each answered, writes the
// answer, and decides whether the connection lives on. Pipelined requests wait their turn, so
// answers keep order. Lives in the connection's task, on its worker's thread.
#pragma once

#include <optional>

#include "proxy/base/buffer.h"
#include "proxy/base/bytes.h"
#include "proxy/http/h1_body.h"
#include "proxy/http/h1_parser.h"
#include "proxy/http/server.h"
#include "proxy/net/stream.h"

namespace outrigger::http {

class H1Server final : private ResponseSink {
 public:
  // All outlive the server.
  H1Server(Stream& stream, const ServerSettings& settings, ExchangeHandler& handler,
           const ClientInfo& client);

  // Serves until the connection ends. `initial` is what was read already.
  Task<void> run(Slice initial, CancelScope& connection);
  // Finishes the answer under way with `Connection: close`; ends at once when there is none.
  void drain();

 private:
  enum class Heard { kPart, kRequest, kEnd, kRefused, kLate };
  class RequestBody;

  Heard hear();
  Heard parse_input();
  [[nodiscard]] Duration head_patience() const;
  Heard accept_head(std::size_t buffered);
  Task<void> exchange(CancelScope& connection);
  Task<void> refuse(int status, std::string_view code, std::string_view detail,
                    CancelScope& connection);
  [[nodiscard]] Body request_body(const BodyFraming& framing);
  Task<Status> send_continue(CancelScope& scope);
  Task<void> settle_request(CancelScope& connection);
  Task<void> linger(CancelScope& connection);

  Task<Status> interim(ResponseHead head, CancelScope& scope) override;
  Task<Delivery> send(Response response, CancelScope& scope) override;
  Task<Delivery> send_tunnel(Response response, CancelScope& scope);
  [[nodiscard]] BodyFraming answer_framing(const Response& response) const;

  Stream& stream_;
  const ServerSettings& settings_;
  ExchangeHandler& handler_;
  const ClientInfo& client_;

  Slice input_;     // read from the stream, not yet used
  Buffer partial_;  // a head that came in pieces
  RequestParser parser_;
  H1BodyReader reader_;
  RequestHead head_;  // of the request being served, until the handler has it
  Buffer out_;

  Method method_ = Method::kGet;
  Version version_ = Version::kHttp11;
  bool persistent_ = true;     // the connection may carry another request
  bool continue_due_ = false;  // the client waits for 100 Continue
  bool answering_ = false;     // bytes of the final answer may be on the wire
  bool answered_ = false;      // the final answer is complete
  bool whole_ = true;          // no answer was cut: the connection may end politely
  bool draining_ = false;
  bool first_request_ = true;
  std::optional<TimePoint> head_began_;  // the request being read
  CancelScope* idle_ = nullptr;          // set while waiting for a request: what drain() ends
};

}  // namespace outrigger::http

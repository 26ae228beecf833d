#include <algorithm>
#include <cctype>

#include "tests/support/client_calls.h"

namespace outrigger::test {
namespace {

Response response_of(const Fields& head) {
  Response response;
  for (const auto& [name, value] : head) {
    if (name == ":status") {
      response.status = std::stoi(value);
    } else {
      response.headers.emplace_back(name, value);
    }
  }
  return response;
}

class H2Call final : public Call {
 public:
  H2Call(H2Peer& peer, H2Peer::StreamId id) : peer_(peer), id_(id) {}

  bool send(std::string_view bytes) override { return peer_.send(id_, bytes); }
  void finish(const Fields& trailers) override { peer_.finish(id_, trailers); }

  Response read_interim(std::size_t count) override {
    if (!peer_.wait_interim(id_, count)) give_up("no interim answer");
    return response_of(peer_.peek(id_).interim[count - 1]);
  }

  Response read_head(Deadline deadline) override {
    if (!peer_.wait_head(id_, deadline)) give_up("no answer on stream {}: {}", id_, why_not());
    const H2Peer::Incoming in = peer_.peek(id_);
    Response head = response_of(in.head);
    for (const Fields& interim : in.interim) head.interim.push_back(response_of(interim));
    return head;
  }

  std::string read_some(Deadline deadline) override {
    if (!surplus_.empty()) return std::exchange(surplus_, {});
    return peer_.read_some(id_, deadline);
  }

  Response read_all(Deadline deadline) override {
    Response whole;
    if (peer_.wait_head(id_, deadline)) {
      whole = read_head(deadline);
      for (std::string piece; !(piece = read_some(deadline)).empty();) whole.body += piece;
    }
    const H2Peer::Incoming in = peer_.peek(id_);
    whole.trailers = in.trailers;
    whole.reset_code = in.reset;
    whole.complete = in.head_seen && in.ended;
    if (!whole.complete) whole.failure = why_not();
    if (!whole.complete && !in.closed) give_up("stream {}: no end came in time", id_);
    return whole;
  }

  void cancel() override { peer_.reset(id_, NGHTTP2_CANCEL); }

 private:
  std::string why_not() {
    const H2Peer::Incoming in = peer_.peek(id_);
    if (in.reset) return fmt::format("RST_STREAM {}", *in.reset);
    if (const auto goaway = peer_.goaway_received()) return fmt::format("GOAWAY {}", goaway->code);
    return in.closed ? "the connection was closed " + peer_.failure() : "nothing came in time";
  }

  H2Peer& peer_;
  const H2Peer::StreamId id_;
};

Fields request_head(const Request& request, bool tls) {
  Fields head{{":method", request.method}};
  const bool extended = find(request.headers, ":protocol") != nullptr;  // RFC 8441
  if (request.method != "CONNECT" || extended) {
    head.emplace_back(":scheme", tls ? "https" : "http");
    head.emplace_back(":path", request.target);
  }
  head.emplace_back(":authority",
                    request.method == "CONNECT" && !extended ? request.target : request.authority);
  for (const auto& [name, value] : request.headers) {
    std::string lower = name;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    // A pseudo-field of the test's own (":protocol") goes before the others.
    const bool pseudo = lower.starts_with(":");
    head.insert(pseudo ? head.begin() : head.end(), {std::move(lower), value});
  }
  return head;
}

}  // namespace

std::unique_ptr<Call> start_h2_call(H2Peer& peer, const Request& request, bool tls,
                                    BodyFollows body) {
  const bool empty = request.body.empty() && request.trailers.empty();
  const bool complete = body == BodyFollows::kNo;
  const H2Peer::StreamId id = peer.open(request_head(request, tls),
                                        complete && empty ? H2Peer::End::kYes : H2Peer::End::kNo);
  if (complete && !empty) {
    if (!request.body.empty()) peer.send(id, request.body);
    peer.finish(id, request.trailers);
  }
  return std::make_unique<H2Call>(peer, id);
}

}  // namespace outrigger::test

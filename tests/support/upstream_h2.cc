#include "tests/support/upstream_h2.h"

#include <algorithm>
#include <cctype>

namespace outrigger::test {
namespace {

// RFC 9113 8.2: names are lower case on the wire.
Fields response_head(int status, const Fields& fields) {
  Fields head{{":status", std::to_string(status)}};
  for (const auto& [name, value] : fields) {
    std::string lower = name;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return std::tolower(c); });
    head.emplace_back(std::move(lower), value);
  }
  return head;
}

}  // namespace

H2Exchange::H2Exchange(H2Peer& peer, H2Peer::StreamId id) : peer_(peer), id_(id) {
  for (const auto& [name, value] : peer.peek(id).head) {
    if (name == ":method") {
      request.method = value;
    } else if (name == ":path") {
      request.target = value;
    } else if (name == ":authority") {
      request.authority = value;
    } else {
      request.headers.emplace_back(name, value);
    }
  }
  if (request.method == "CONNECT") request.target = request.authority;
  expects_continue_ = value_of(request.headers, "expect") == "100-continue";
}

std::string H2Exchange::read_body_some(Deadline deadline) {
  if (std::exchange(expects_continue_, false)) interim(100, {});
  std::string piece = peer_.read_some(id_, deadline);
  request.body += piece;
  if (piece.empty()) {
    const H2Peer::Incoming in = peer_.peek(id_);
    request.complete = in.ended;
    request.trailers = in.trailers;
  }
  return piece;
}

void H2Exchange::interim(int status, const Fields& fields) {
  expects_continue_ = false;
  peer_.send_interim(id_, response_head(status, fields));
}

void H2Exchange::reply(const Response& response) {
  Fields fields = response.headers;
  const bool bodiless =
      response.status == 204 || response.status == 304 || request.method == "HEAD";
  const bool sized = response.status != 204 && response.status != 304 && response.trailers.empty();
  if (sized && find(fields, "content-length") == nullptr) {
    fields.emplace_back("content-length", std::to_string(response.body.size()));
  }
  const bool ends = bodiless || (response.body.empty() && response.trailers.empty());
  peer_.send_head(id_, response_head(response.status, fields),
                  ends ? H2Peer::End::kYes : H2Peer::End::kNo);
  if (ends) return;
  if (!response.body.empty()) send(response.body);
  peer_.finish(id_, response.trailers);
}

void H2Exchange::start(int status, const Fields& fields) {
  peer_.send_head(id_, response_head(status, fields), H2Peer::End::kNo);
}

void H2Exchange::send(std::string_view bytes) {
  if (!peer_.send(id_, bytes)) throw ClientGone("the client left");
}

void H2Exchange::finish(const Fields& trailers) {
  peer_.finish(id_, trailers);
}

std::size_t H2Exchange::send_until_blocked(std::string_view bytes, Milliseconds quiet) {
  return peer_.send_until_blocked(id_, bytes, quiet);
}

void H2Exchange::raw(std::string_view) {
  give_up("raw bytes on HTTP/2");
}

}  // namespace outrigger::test

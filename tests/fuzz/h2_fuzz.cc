// The HTTP/2 session, of both roles, on any bytes in any pieces: it must neither crash nor leak,
// hold no more than its windows, and never announce a request that the rules forbid.
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/http/h1_grammar.h"
#include "proxy/http/h2_session.h"
#include "tests/fuzz/require.h"

namespace outrigger::http {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

void check_request(const RequestHead& head) {
  require(!head.method_text.empty(), "a method");
  require(split_authority(head.authority).has_value(), "a valid authority");
  require(head.form != TargetForm::kOrigin || head.target.starts_with('/'),
          "an origin-form target");
  for (const Field& field : head.headers) {
    require(is_token(field.name) && is_field_value(field.value), "valid fields");
    require(field.id != HeaderId::kTransferEncoding && field.id != HeaderId::kConnection,
            "no connection-specific field");
  }
  H2Fields fields;
  require(request_fields(head, "https", fields).has_value(), "what is taken can be sent on");
}

// Does with a stream what a handler may do.
void serve(H2Session& session, H2Stream& stream) {
  if (std::exchange(stream.opened, false)) {
    if (!stream.refusal) check_request(stream.request);
    ResponseHead head;
    head.status = stream.refusal ? stream.refusal->status : 200;
    (void)session.respond(stream, head, H2Session::Body::kFollows);
  }
  if (stream.id % 3 == 0) H2Session::abandon(stream);
  while (stream.id % 5 != 0 && !stream.in.empty()) session.send(stream, H2Session::take(stream));
  if (stream.in_ended) session.end(stream, stream.trailers.get());
}

void drain(H2Session& session, TimePoint now) {
  std::size_t held = 0;
  for (const H2StreamPtr& stream : session.streams()) held += stream->in.bytes();
  require(held <= 1024 * 1024, "no more is held than the windows allow");
  std::vector<H2StreamPtr> ready;
  ready.swap(session.ready());
  for (const H2StreamPtr& stream : ready) {
    stream->in_ready = false;
    serve(session, *stream);
  }
  session.settle();
  H2Output output;
  (void)session.gather(output, 1 << 20, now);
  (void)output.pieces();
  session.written();
}

void run(std::string_view input) {
  const auto control = static_cast<std::uint8_t>(input.front());
  input.remove_prefix(1);
  H2SessionSettings settings;
  settings.role = (control & 1) != 0 ? H2Role::kClient : H2Role::kServer;
  settings.connection_window = 1024 * 1024;
  H2Session session(settings);
  TimePoint now{1h};
  const std::size_t piece = (control & 2) != 0 ? 7 : 4096;
  if (settings.role == H2Role::kServer && (control & 4) != 0) {
    (void)session.feed(Slice::copy(kPreface), now);
  }
  RequestHead head;
  head.method_text = "GET";
  head.authority = "a.test";
  head.target = "/";
  for (int i = 0; settings.role == H2Role::kClient && i < 3; ++i) {
    (void)session.request(head, "https",
                          i == 2 ? H2Session::Body::kFollows : H2Session::Body::kNone);
  }
  drain(session, now);
  while (!input.empty() && !session.finished()) {
    const std::string_view part = input.substr(0, piece);
    input.remove_prefix(part.size());
    const Status fed = session.feed(Slice::copy(part), now);
    now = now + 1ms;
    drain(session, now);
    if (!fed) break;
  }
  if ((control & 8) != 0) {
    session.abort(Error{Errc::kReset, Origin::kClient, Phase::kNoConnection, "client_gone", {}});
  }
}

}  // namespace
}  // namespace outrigger::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 0) outrigger::http::run({reinterpret_cast<const char*>(data), size});
  outrigger::require(outrigger::Block::live() == 0, "no block leaks");
  return 0;
}

#include "filters/retry/verifier.h"

#include <algorithm>
#include <utility>

#include "filters/retry/probe.h"

namespace outrigger::filters {
namespace {

constexpr std::size_t kLargestAnswer = 1024 * 1024;

std::unexpected<Error> unknown(std::string detail) {
  return fail(Errc::kTimeout, Origin::kProxy, "unknown_outcome", std::move(detail));
}

// Fields that speak of the body of the write, or of the write itself.
bool of_the_write(const http::Field& field) noexcept {
  using enum http::HeaderId;
  switch (field.id) {
    case kContentEncoding:
    case kContentLength:
    case kContentType:
    case kExpect:
    case kIdempotencyKey:
    case kPrefer:
    case kTe:
    case kTrailer:
    case kAcceptEncoding:
      return true;
    default:
      return http::equals_ignore_case(field.name, "if-match") ||
             http::equals_ignore_case(field.name, "if-none-match") ||
             http::equals_ignore_case(field.name, "content-md5") ||
             http::equals_ignore_case(field.name, "content-digest");
  }
}

// Turns the exchange's request into the probe for the length of one attempt. The field list stays
// in place, so that whatever was kept in its storage stays valid.
class AsProbe {
 public:
  AsProbe(Exchange& exchange, std::string_view target, const config::Verify& verify)
      : exchange_(exchange),
        scope_(*exchange.scope),
        timer_(exchange.loop, scope_),
        outer_(std::exchange(exchange.scope, &scope_)),
        body_(std::exchange(exchange.request.body, http::Body())),
        fields_(exchange.request.head.headers.fields()),
        method_(exchange.request.head.method),
        method_text_(exchange.request.head.method_text),
        target_(exchange.request.head.target),
        first_(exchange.attempts.size()),
        settle_(verify.settle) {
    http::RequestHead& head = exchange_.request.head;
    std::erase_if(head.headers.fields(), of_the_write);
    head.method = http::Method::kGet;
    head.method_text = "GET";
    head.target = head.headers.intern(target);
    exchange_.probing = true;
    timer_.start(verify.timeout, {Errc::kTimeout, Origin::kUpstream, "http_response_timeout"});
  }
  AsProbe(const AsProbe&) = delete;
  AsProbe& operator=(const AsProbe&) = delete;
  ~AsProbe() {
    http::RequestHead& head = exchange_.request.head;
    head.headers.fields() = std::move(fields_);
    head.method = method_;
    head.method_text = method_text_;
    head.target = target_;
    exchange_.request.body = std::move(body_);
    exchange_.scope = outer_;
    exchange_.probing = false;
    if (first_ == exchange_.attempts.size()) return;
    exchange_.attempts[first_].waited = settle_;
    for (std::size_t i = first_; i < exchange_.attempts.size(); ++i) {
      exchange_.attempts[i].probe = true;
    }
  }

 private:
  Exchange& exchange_;
  CancelScope scope_;
  DeadlineTimer timer_;
  CancelScope* outer_;
  http::Body body_;
  std::vector<http::Field> fields_;
  http::Method method_;
  std::string_view method_text_;
  std::string_view target_;
  std::size_t first_;
  Duration settle_;
};

}  // namespace

Task<Result<std::optional<http::Response>>> Verifier::ask(std::optional<std::string> body) {
  const std::optional<std::string> target = target_for(body);
  if (!target) co_return unknown("the request lacks what verify.get is to be filled in with");
  for (std::uint32_t look = 0; look < std::max(verify_.negatives, 1u); ++look) {
    if (!time_to_settle()) co_return unknown("the deadline leaves no time to ask the upstream");
    CO_TRY(co_await SleepFor(exchange_.loop, *exchange_.scope, verify_.settle));
    Result<http::Response> answer = co_await probe(*target);
    if (exchange_.scope->cancelled()) co_return std::unexpected(exchange_.scope->why()->error());
    if (!answer)
      co_return unknown("asking the upstream failed: " + std::string(answer.error().reason));
    // A success by its status that the classifier takes for none says neither.
    const Attempt& asked = exchange_.attempts.back();
    if (answer->head.status < 400 && asked.judged && asked.verdict != Verdict::kOk) {
      co_return unknown("asking the upstream failed: " + std::string(to_string(asked.verdict)));
    }
    switch (read_probe(verify_, answer->head.status, answer->body.whole()->view())) {
      case ProbeWord::kFound:
        answer->head.headers.set("Outrigger-Verified", "found");
        co_return std::move(*answer);
      case ProbeWord::kUnclear:
        co_return unknown("asking the upstream brought status " +
                          std::to_string(answer->head.status));
      case ProbeWord::kMissing:
        break;
    }
  }
  co_return std::nullopt;
}

// The template is a target below the upstream's base path, like those of its routes.
std::optional<std::string> Verifier::target_for(const std::optional<std::string>& body) const {
  std::string_view key = exchange_.upstream_key;
  if (key.empty()) key = exchange_.request.head.headers.get(http::HeaderId::kIdempotencyKey);
  std::optional<std::string> target = probe_target(verify_.get, key, body);
  const config::Upstream* upstream = exchange_.routed.upstream;
  if (target && upstream != nullptr && !upstream->endpoints.empty()) {
    target->insert(0, upstream->endpoints.front().base_path);
  }
  return target;
}

bool Verifier::time_to_settle() const noexcept {
  return !exchange_.deadline || *exchange_.deadline - exchange_.loop.now() > verify_.settle;
}

Task<Result<http::Response>> Verifier::probe(std::string_view target) {
  const AsProbe as_probe(exchange_, target, verify_);
  Result<http::Response> answer = co_await next_(exchange_);
  if (!answer) co_return answer;
  std::string text;
  for (;;) {
    CO_TRY(const Slice bytes, co_await answer->body.read(*exchange_.scope));
    if (bytes.empty()) break;
    text += bytes.view();
    if (text.size() > kLargestAnswer) {
      co_return fail(Errc::kTooLarge, Origin::kUpstream, "http_response_body_size");
    }
  }
  answer->body = http::Body(Slice::copy(text));
  co_return answer;
}

}  // namespace outrigger::filters

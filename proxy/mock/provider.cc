#include "proxy/mock/provider.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "proxy/mock/answers.h"
#include "proxy/mock/checksum.h"

namespace outrigger::mock {
namespace {

// Tells credentials apart without keeping one.
std::string credential_key(const http::RequestHead& head) {
  std::string all;
  for (const std::string_view name : {"authorization", "x-api-key", "api-key", "x-goog-api-key"})
    all += field_of(head, name).value_or("");
  return fmt::format("{:016x}", fnv1a(all));
}

// A code of digits is a status: error-event=429.
std::optional<int> status_in(const std::string& code) {
  int status = 0;
  const auto [end, error] = std::from_chars(code.data(), code.data() + code.size(), status);
  if (error != std::errc{} || end != code.data() + code.size()) return std::nullopt;
  return status;
}

Failure failure_of(const Fault& fault, int usual_status) {
  Failure failure{fault.status.value_or(usual_status),
                  fault.code,
                  fault.message,
                  fault.retry_after,
                  fault.retry_after_ms,
                  fault.retry_after_date,
                  fault.param};
  if (const auto status = status_in(fault.code)) {
    failure.status = *status;
    failure.code.clear();
  }
  if (fault.size > failure.message.size())
    failure.message.append(fault.size - failure.message.size(), '.');
  return failure;
}

// An error event is the end of an answer that began well.
bool is_error(const Fault& fault) noexcept {
  if (fault.status && *fault.status >= 400) return true;
  return !fault.code.empty() && fault.ending != Ending::kErrorEvent;
}

// What Stripe keeps: results of execution, errors among them, but not of what it refused at once.
bool is_saved(int status) noexcept {
  return status < 400 || status == 402 || status == 500;
}

Fault refused_by_rate(const RateState& state, Fault fault) {
  using std::chrono::ceil;
  Fault refused;
  refused.text = std::move(fault.text);
  refused.status = 429;
  refused.code = fault.code;
  refused.message = "Rate limit reached for requests.";
  refused.retry_after = std::to_string(ceil<std::chrono::seconds>(state.until_next).count());
  refused.retry_after_ms = ceil<std::chrono::milliseconds>(state.until_next);
  return refused;
}

}  // namespace

std::string_view query_of(const http::RequestHead& head) noexcept {
  const std::size_t mark = head.target.find('?');
  return mark == std::string_view::npos ? std::string_view{} : head.target.substr(mark + 1);
}

std::optional<std::string_view> field_of(const http::RequestHead& head, std::string_view name) {
  const http::HeaderId id = http::header_id(name);
  const http::Field* field =
      id == http::HeaderId::kOther ? head.headers.find(name) : head.headers.find(id);
  if (field == nullptr) return std::nullopt;
  return field->value;
}

Provider::Provider(std::uint64_t seed, Script script, Fault otherwise)
    : identity_(seed), script_(std::move(script)), otherwise_(std::move(otherwise)) {}

std::expected<Fault, FaultError> Provider::choose(const http::RequestHead& head) {
  if (const auto written = field_of(head, "mock-fault")) return parse_fault(*written);
  if (const std::string written = query_value(query_of(head), "mock"); !written.empty())
    return parse_fault(written);
  const auto find = [&head](std::string_view name) { return field_of(head, name); };
  if (const Fault* scripted = script_.next(head.method_text, head.path(), find)) return *scripted;
  return otherwise_;
}

// Whether the failure happens this time.
Fault Provider::decide(const Fault& fault, const http::RequestHead& head, std::string_view body) {
  if (fault.fail_first > 0) {
    if (failed_.size() >= kMostKeys) failed_.clear();
    const std::string key(field_of(head, "mock-key").value_or(""));
    const std::string name =
        key.empty() ? fmt::format("{} {:016x}", head.path(), fnv1a(body)) : "key " + key;
    if (failed_[name]++ >= fault.fail_first) return spared(fault);
  }
  if (fault.fail_share && !identity_.draw(*fault.fail_share)) return spared(fault);
  return fault;
}

Answer Provider::answer(const Call& call, const Fault& fault) {
  if (is_error(fault)) return error_answer(call, failure_of(fault, 200), identity_);
  const Words words =
      fault.words.empty() ? make_words(fault.events, fault.size) : cut_into_words(fault.words);
  Answer answer = healthy_answer(call, words, identity_);
  if (fault.status) answer.status = *fault.status;
  return answer;
}

// What an idempotency key decides alone; nothing: the request is executed.
std::optional<Answer> Provider::replay(const Call& call, const http::RequestHead& head,
                                       std::string_view body, Reaction& reaction) {
  if (call.dialect != Dialect::kStripe || call.method != "POST") return std::nullopt;
  const std::string key(head.headers.get(http::HeaderId::kIdempotencyKey));
  if (key.empty()) return std::nullopt;
  const std::uint64_t parameters = fnv1a(fmt::format("{} {}", head.path(), body));
  const SavedAnswers::Lookup lookup = saved_.begin(key, parameters);
  switch (lookup.found) {
    case SavedAnswers::Found::kNew:
      reaction.held_key = key;
      return std::nullopt;
    case SavedAnswers::Found::kInUse:
      return error_answer(call, failure_of({}, 409), identity_);
    case SavedAnswers::Found::kChanged: {
      Failure failure;
      failure.status = 400;
      failure.code = "idempotency_error";
      failure.message = "Keys for idempotent requests can only be used with the same parameters.";
      return error_answer(call, failure, identity_);
    }
    case SavedAnswers::Found::kSaved: {
      Answer again = *lookup.answer;
      again.headers.emplace_back("Idempotent-Replayed", "true");
      return again;
    }
  }
  return std::nullopt;
}

Reaction Provider::react(const Fault& chosen, const http::RequestHead& head, std::string_view body,
                         Moment moment) {
  identity_.set_seconds(moment.wall_seconds);
  const Call call = read_call(head.method_text, head.path(), query_of(head), body);
  Reaction reaction;
  reaction.dialect = to_string(call.dialect);
  reaction.fault = decide(chosen, head, body);
  Fields rate;
  if (chosen.rate) {
    const RateState state = limits_.take(credential_key(head), *chosen.rate, moment.now);
    rate = rate_fields(call.dialect, state, moment.wall_seconds);
    if (!state.allowed) reaction.fault = refused_by_rate(state, chosen);
  }
  std::optional<Answer> given = replay(call, head, body, reaction);
  if (!given) {
    given = answer(call, reaction.fault);
    if (!reaction.held_key.empty() && is_saved(given->status))
      saved_.save(reaction.held_key, *given);
  }
  given->headers.insert(given->headers.end(), rate.begin(), rate.end());
  std::string error;
  if (reaction.fault.ending == Ending::kErrorEvent)
    error = error_event(call, failure_of(reaction.fault, 500), identity_);
  reaction.plan = make_plan(std::move(*given), reaction.fault, error);
  return reaction;
}

Plan Provider::refuse(const FaultError& error) const {
  Answer answer = whole_answer({{"error",
                                 {{"message", "the mock's fault, " + to_string(error)},
                                  {"type", "mock_fault"},
                                  {"param", nullptr},
                                  {"code", "mock_fault"}}}});
  answer.status = 400;
  return make_plan(std::move(answer), {}, {});
}

void Provider::release(const Reaction& reaction) {
  if (!reaction.held_key.empty()) saved_.release(reaction.held_key);
}

void Provider::reset() {
  script_.rewind();
  limits_.reset();
  saved_.reset();
  failed_.clear();
}

}  // namespace outrigger::mock

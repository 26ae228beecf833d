// The keys of `retry` and `circuit_breaker`.
#include <algorithm>
#include <array>

#include "config/blocks.h"
#include "config/match_codecs.h"

namespace outrigger::config {
namespace {

using namespace std::string_view_literals;
using Kind = Type::Kind;

constexpr std::array kJitters = {"full"sv, "equal"sv, "decorrelated"sv, "none"sv};
constexpr std::array kBreakerKeys = {"model"sv, "credential"sv, "endpoint"sv};

}  // namespace

template <>
inline constexpr std::span<const std::string_view> kWordsOf<Jitter> = kJitters;
template <>
inline constexpr std::span<const std::string_view> kWordsOf<BreakerKey> = kBreakerKeys;

namespace {

constexpr Bounds kPart{.min = 0, .max = 100};
constexpr Bounds kFactor{.min = 1, .max = 100};
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kHour = 3600 * kSecond;

// ---- retry ----

constexpr std::array kBackoffFields = {
    field<&Backoff::base>("base", "The wait before the second attempt.", "1s"),
    field<&Backoff::factor, Kind::kDecimal>(
        "factor", "Each further wait is so many times the one before.", "2", kFactor),
    field<&Backoff::max>("max", "The longest wait.", "30s"),
    field<&Backoff::jitter>(
        "jitter",
        "How chance spreads the waits, so that clients do not come back together: over all of the "
        "wait (`full`), over its second half (`equal`), from the one before (`decorrelated`).",
        "full"),
};
constexpr std::array kBackoffGroups = {Group{kBackoffFields}};

constexpr std::array kHintFields = {
    field<&Hints::honour>("honour", "Whether what the server says of when to come back is heeded.",
                          "true"),
    field<&Hints::max_wait>(
        "max_wait", "A longer hint is not waited for: the answer is returned at once with it.",
        "60s"),
    field<&Hints::spread, Kind::kPercent>(
        "spread", "Added by chance, up to this part of the hint: never earlier.", "10%", kPart),
};
constexpr std::array kHintGroups = {Group{kHintFields}};

constexpr Type kCostType{.kind = Kind::kInteger};
constexpr Type kCostsType{.kind = Kind::kByVerdict, .element = &kCostType};

template <class Entry>
Entry& entry_of(std::vector<Entry>& entries, const Entry& fresh) {
  const auto found = std::ranges::find(entries, fresh.verdict, &Entry::verdict);
  return found != entries.end() ? *found : entries.emplace_back(fresh);
}

void decode_costs(Decoder& decoder, const Field& self, const Node& node, void* object) {
  auto& costs = static_cast<RetryBudget*>(object)->cost;
  for_each_verdict(decoder, self, node, [&](Verdict verdict, const Node& value) {
    std::uint32_t cost = 0;
    if (!decode_member(decoder, self, *self.type.element, value, cost)) return;
    entry_of(costs, {verdict, 1}).cost = cost;
  });
  if (node.is_map()) decoder.remember(node);
}

std::optional<Node> dump_costs(const Field&, const void* object) {
  Node map = Node::map();
  map.whole = true;
  for (const BudgetCost& cost : static_cast<const RetryBudget*>(object)->cost)
    map.add(std::string(to_string(cost.verdict)), Node::scalar(std::to_string(cost.cost)));
  return map;
}

constexpr std::array kBudgetFields = {
    field<&RetryBudget::ratio, Kind::kPercent>(
        "ratio", "What each request earns: 20% pays for one retry in five requests.", "20%", kPart),
    field<&RetryBudget::floor>("floor", "So many retries in a window are free.", "3",
                               {.min = 0, .max = 1'000'000}),
    field<&RetryBudget::window>("window", "The time over which is counted.", "10s",
                                {.min = kSecond, .max = kHour}),
    Field{.key = "cost",
          .type = kCostsType,
          .description = "What a retry costs after an attempt with this verdict; 1 for the others.",
          .example = "{throttled: 1, timeout: 5}",
          .bounds = {.min = 0, .max = 1000},
          .decode = decode_costs,
          .dump = dump_costs},
};
constexpr std::array kBudgetGroups = {Group{kBudgetFields}};

constexpr Type kBackoffType{.kind = Kind::kBlock, .block = block_of<Backoff>};
constexpr Type kBackoffsType{.kind = Kind::kByVerdict, .element = &kBackoffType};

void decode_backoffs(Decoder& decoder, const Field& self, const Node& node, void* object) {
  auto* retry = static_cast<Retry*>(object);
  for_each_verdict(decoder, self, node, [&](Verdict verdict, const Node& value) {
    VerdictBackoff& entry = entry_of(retry->backoff_for, {verdict, retry->backoff});
    decoder.block(self.type.element->block(), value, &entry.backoff);
  });
  if (node.is_map()) decoder.remember(node);
}

std::optional<Node> dump_backoffs(const Field& self, const void* object) {
  Node map = Node::map();
  map.whole = true;
  for (const VerdictBackoff& entry : static_cast<const Retry*>(object)->backoff_for) {
    map.add(std::string(to_string(entry.verdict)),
            dump_block(self.type.element->block(), &entry.backoff));
  }
  if (map.members.empty()) return std::nullopt;
  return map;
}

constexpr std::array kRetryFields = {
    field<&Retry::max_attempts>("max_attempts", "The most attempts, with the first.", "4",
                                {.max = 20}),
    field<&Retry::on_verdicts>("if", "Which verdicts are tried again.", "[throttled, transient]"),
    field<&Retry::backoff>("backoff", "The wait between two attempts.",
                           "{base: 1s, factor: 2, max: 30s}"),
    Field{.key = "backoff_for",
          .type = kBackoffsType,
          .description = "The wait after an attempt with this verdict. What an entry does not say "
                         "is as in `backoff`, where the entry is first written.",
          .example = "{overloaded: {base: 5s}}",
          .decode = decode_backoffs,
          .dump = dump_backoffs},
    field<&Retry::hints>("hints", "What the server says of when to come back.", "{max_wait: 30s}"),
    field<&Retry::budget>("budget", "Bounds the retries of an upstream to a part of its requests.",
                          "{ratio: 10%}"),
    field<&Retry::timeout_factor, Kind::kDecimal>(
        "timeout_factor",
        "After a time-out of a request that may be repeated, `headers` and `first_event` of the "
        "next attempt are so many times as long.",
        "2", {.min = 1, .max = 10}),
    field<&Retry::buffer>("buffer", "A longer request body is not kept, and so is sent once.",
                          "64MiB"),
    or_word(field<&Retry::give_up_status>(
                "give_up_status",
                "The status of the answer when all attempts failed; `upstream`: that of the last "
                "one. 424 also stops SDKs that would try again.",
                "424", {.min = 400, .max = 599}),
            "upstream"),
};
constexpr std::array kRetryGroups = {Group{kRetryFields}};

// ---- circuit_breaker ----

constexpr std::array kSlowFields = {
    field<&SlowCalls::first_event>(
        "first_event", "A call is slow when its first event, or its head, comes later than this.",
        "90s"),
    field<&SlowCalls::rate, Kind::kPercent>("rate",
                                            "It opens at this part of slow calls in the window.",
                                            "80%", {.min = 1, .max = 100}),
};
constexpr std::array kSlowGroups = {Group{kSlowFields}};

constexpr std::array kOpenFields = {
    field<&BreakerOpen::first>("first", "How long it stays open the first time.", "5s"),
    field<&BreakerOpen::factor, Kind::kDecimal>(
        "factor", "Each further time in a row is so many times as long.", "2", kFactor),
    field<&BreakerOpen::max>("max", "The longest time.", "2m"),
    field<&BreakerOpen::jitter, Kind::kPercent>(
        "jitter", "Longer or shorter by chance, by up to this part.", "20%", kPart),
};
constexpr std::array kOpenGroups = {Group{kOpenFields}};

constexpr std::array kHalfOpenFields = {
    field<&HalfOpen::probes>("probes", "So many calls at a time are let through to try.", "1",
                             {.max = 1000}),
    field<&HalfOpen::lease>("lease", "A probe without an outcome after this has failed.", "2m",
                            {.min = kSecond}),
    field<&HalfOpen::successes>("successes", "Good probes in a row that close it.", "2",
                                {.max = 1000}),
};
constexpr std::array kHalfOpenGroups = {Group{kHalfOpenFields}};

constexpr std::array kBreakerFields = {
    field<&CircuitBreaker::failures_in_a_row>(
        "failures_in_a_row", "It opens after so many failures in a row.", "10", {.max = 10'000}),
    field<&CircuitBreaker::failure_rate, Kind::kPercent>(
        "failure_rate", "It opens at this part of failures in the window.", "50%",
        {.min = 1, .max = 100}),
    field<&CircuitBreaker::min_calls>("min_calls",
                                      "The window says nothing before it holds so many calls.",
                                      "10", {.max = 100'000}),
    field<&CircuitBreaker::window>("window", "The time over which calls are counted.", "30s",
                                   {.min = kSecond, .max = kHour}),
    field<&CircuitBreaker::window_calls>(
        "window_calls", "Counts the last so many calls, instead of those of the last `window`.",
        "100", {.max = 100'000}),
    field<&CircuitBreaker::slow>("slow", "Slow calls open it too.",
                                 "{first_event: 90s, rate: 80%}"),
    field<&CircuitBreaker::open>("open", "How long it stays open.", "{first: 5s, max: 2m}"),
    field<&CircuitBreaker::half_open>("half_open", "How it finds out that all is well again.",
                                      "{probes: 1, successes: 2}"),
    field<&CircuitBreaker::ramp>(
        "ramp", "After it closed, traffic comes back over this time instead of at once.", "10s"),
    field<&CircuitBreaker::key>(
        "key",
        "One breaker for each of these, besides that of the host, which failed connections move.",
        "[model, credential]"),
    field<&CircuitBreaker::failure>("failure", "Which verdicts are failures.",
                                    "[transient, overloaded, timeout]"),
    field<&CircuitBreaker::rate_only>(
        "rate_only", "Which verdicts count for `failure_rate` but not in a row.", "[throttled]"),
    field<&CircuitBreaker::upstream_opens_at>(
        "upstream_opens_at", "When so many of its keys are open, the whole upstream is.", "2",
        {.max = 10'000}),
};
constexpr std::array kBreakerGroups = {Group{kBreakerFields}};

constexpr Block kRetry{"retry",
                       "Which failures are tried again. `none` turns retries off; a number alone "
                       "is `max_attempts`.",
                       kRetryGroups, default_of<Retry>, "max_attempts"};
constexpr Block kBackoff{"retry.backoff", "The wait between two attempts; also in `backoff_for`.",
                         kBackoffGroups, default_of<Backoff>};
constexpr Block kHints{"retry.hints", "What the server says of when to come back.", kHintGroups,
                       default_of<Hints>};
constexpr Block kBudget{
    "retry.budget",
    "Retries that are paid for, so that they do not multiply the load on a sick upstream; `none` "
    "is no bound.",
    kBudgetGroups, default_of<RetryBudget>};
constexpr Block kBreaker{"circuit_breaker", "When an upstream is left alone; `none` is never.",
                         kBreakerGroups, default_of<CircuitBreaker>};
constexpr Block kSlow{"circuit_breaker.slow",
                      "Slow calls open the breaker too; `none`: they do not.", kSlowGroups,
                      default_of<SlowCalls>};
constexpr Block kOpen{"circuit_breaker.open", "How long a breaker stays open.", kOpenGroups,
                      default_of<BreakerOpen>};
constexpr Block kHalfOpen{"circuit_breaker.half_open",
                          "How a breaker finds out that all is well again.", kHalfOpenGroups,
                          default_of<HalfOpen>};

}  // namespace

template <>
const Block& block_of<Retry>() {
  return kRetry;
}
template <>
const Block& block_of<Backoff>() {
  return kBackoff;
}
template <>
const Block& block_of<Hints>() {
  return kHints;
}
template <>
const Block& block_of<RetryBudget>() {
  return kBudget;
}
template <>
const Block& block_of<CircuitBreaker>() {
  return kBreaker;
}
template <>
const Block& block_of<SlowCalls>() {
  return kSlow;
}
template <>
const Block& block_of<BreakerOpen>() {
  return kOpen;
}
template <>
const Block& block_of<HalfOpen>() {
  return kHalfOpen;
}

}  // namespace outrigger::config

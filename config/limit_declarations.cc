// The keys of `rate_limit`, `concurrency`, `hedge` and `loop_guard`: the right amount.
#include <array>

#include "config/blocks.h"

namespace outrigger::config {
namespace {

using namespace std::string_view_literals;
using Kind = Type::Kind;

constexpr std::array kLimitKeys = {"model"sv, "credential"sv};
constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr Bounds kZeroToo{.min = 0};
constexpr Bounds kPart{.min = 0, .max = 100};
constexpr Bounds kSomePart{.min = 1, .max = 100};

}  // namespace

template <>
inline constexpr std::span<const std::string_view> kWordsOf<LimitKey> = kLimitKeys;

namespace {

constexpr std::array kQueueFields = {
    field<&LimitQueue::size>("size",
                             "The most requests that wait; 0: a request that would have to "
                             "wait is refused.",
                             "200", {.min = 0, .max = 1'000'000}),
    field<&LimitQueue::wait>(
        "wait",
        "A request that would have to wait longer, or longer than its deadline, is refused "
        "at once with the time after which to come back.",
        "30s", kZeroToo),
};
constexpr std::array kQueueGroups = {Group{kQueueFields}};

constexpr std::array kRateFields = {
    or_word(field<&RateLimit::requests>("requests", "The most requests in a time.", "60/min"),
            "none"),
    or_word(field<&RateLimit::tokens>(
                "tokens",
                "The most tokens of prompts and answers in a time: estimated before a request is "
                "sent, and corrected by what the answer says that it used.",
                "400000/min"),
            "none"),
    field<&RateLimit::burst>("burst", "So much of a rate may be used at once.", "2s", kZeroToo),
    field<&RateLimit::learn>(
        "learn",
        "Whether the provider's headers (`x-ratelimit-limit-requests` and their kin) set rates "
        "that are not given, and correct what is left of those that are.",
        "true"),
    field<&RateLimit::bytes_per_token, Kind::kDecimal>(
        "bytes_per_token", "For the estimate: so many bytes of a prompt are one token.", "4",
        {.min = 1, .max = 100}),
    field<&RateLimit::key>("key", "One limit for each of these, besides the upstream.",
                           "[model, credential]"),
    field<&RateLimit::queue>("queue", "Who waits for a turn.", "{size: 200, wait: 30s}"),
};
constexpr std::array kRateGroups = {Group{kRateFields}};

constexpr std::array kConcurrencyFields = {
    field<&Concurrency::start>("start", "The limit to begin with.", "8", {.max = 1'000'000}),
    field<&Concurrency::min>("min", "The lowest limit.", "1", {.max = 1'000'000}),
    field<&Concurrency::max>("max", "The highest limit; equal to `min`, the limit is fixed.", "64",
                             {.max = 1'000'000}),
    field<&Concurrency::decrease, Kind::kPercent>(
        "decrease", "What is left of the limit after a verdict in `signal`.", "70%", kSomePart),
    field<&Concurrency::signal>("signal", "Which verdicts say that there were too many.",
                                "[throttled, overloaded]"),
    field<&Concurrency::key>("key", "One limit for each of these, besides the upstream.",
                             "[model, credential]"),
    field<&Concurrency::queue>("queue", "Who waits for a turn.", "{size: 64, wait: 30s}"),
};
constexpr std::array kConcurrencyGroups = {Group{kConcurrencyFields}};

constexpr std::array kHedgeFields = {
    or_word(field<&Hedge::after>(
                "after",
                "A second request is sent when the first has brought no head, or of a stream no "
                "event that says something, after this time. `learnt`: after the `quantile` of "
                "how long the last ones took.",
                "2s"),
            "learnt"),
    field<&Hedge::quantile, Kind::kPercent>("quantile", "For `learnt`.", "95%", kSomePart),
    field<&Hedge::min>("min", "For `learnt`: never earlier than this.", "300ms", kZeroToo),
    field<&Hedge::max_extra>("max_extra", "The most extra requests for one.", "1", {.max = 5}),
    field<&Hedge::budget, Kind::kPercent>("budget", "The most extra requests, as a part of all.",
                                          "5%", kPart),
};
constexpr std::array kHedgeGroups = {Group{kHedgeFields}};

constexpr std::array kGuardFields = {
    field<&LoopGuard::failures>(
        "failures", "After so many failures in a row of the same request with the same error.", "3",
        {.min = 2, .max = 1000}),
    field<&LoopGuard::window>("window", "They count when not longer apart than this.", "60s",
                              {.min = kSecond}),
    field<&LoopGuard::answer_for>("answer_for", "For so long the answer is given from memory.",
                                  "30s", {.min = kSecond}),
};
constexpr std::array kGuardGroups = {Group{kGuardFields}};

constexpr Block kQueue{
    "rate_limit.queue",
    "Requests that wait for a limit, also `concurrency.queue`: shared out between callers in "
    "turn, and of each caller the one whose deadline is next.",
    kQueueGroups, default_of<LimitQueue>};
constexpr Block kRate{"rate_limit",
                      "How many requests and tokens an upstream is sent in a time; `none` is no "
                      "limit.",
                      kRateGroups, default_of<RateLimit>};
constexpr Block kConcurrency{
    "concurrency",
    "How many requests an upstream has at a time: fewer after throttled and overloaded answers, "
    "more after good ones. `none` is no limit.",
    kConcurrencyGroups, default_of<Concurrency>};
constexpr Block kHedge{"hedge",
                       "A second request while the first takes long, for routes with `replay: "
                       "safe`; the later answer is cancelled. `none` sends none.",
                       kHedgeGroups, default_of<Hedge>, "after"};
constexpr Block kGuard{"loop_guard",
                       "A request that an agent repeats although it fails with the same error of "
                       "the client's (4xx) each time is answered from memory for a while.",
                       kGuardGroups, default_of<LoopGuard>, "failures"};

}  // namespace

template <>
const Block& block_of<LimitQueue>() {
  return kQueue;
}
template <>
const Block& block_of<RateLimit>() {
  return kRate;
}
template <>
const Block& block_of<Concurrency>() {
  return kConcurrency;
}
template <>
const Block& block_of<Hedge>() {
  return kHedge;
}
template <>
const Block& block_of<LoopGuard>() {
  return kGuard;
}

}  // namespace outrigger::config

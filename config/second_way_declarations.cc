// The keys of `fallback`, `validate` and `credentials`: a second way to a good answer.
#include <array>

#include "config/blocks.h"

namespace outrigger::config {
namespace {

using namespace std::string_view_literals;
using Kind = Type::Kind;

constexpr std::array kWhats = {"content"sv, "body"sv};
constexpr auto kFallbackOns = [] {
  std::array<std::string_view, kVerdictNames.size() + 2> words{};
  std::ranges::copy(kVerdictNames, words.begin());
  words[kVerdictNames.size()] = "breaker_open";
  words[kVerdictNames.size() + 1] = "limited";
  return words;
}();

}  // namespace

template <>
inline constexpr std::span<const std::string_view> kWordsOf<ValidateWhat> = kWhats;
template <>
inline constexpr std::span<const std::string_view> kWordsOf<FallbackOn> = kFallbackOns;

namespace {

// ---- fallback ----

constexpr std::array kAnswerFields = {
    field<&FixedAnswer::status>("status", "The status.", "200", {.min = 200, .max = 599}),
    field<&FixedAnswer::content_type, Kind::kText>("content_type", "What `body` is.",
                                                   "application/json"),
    field<&FixedAnswer::body, Kind::kContent>("body", "The body.", "'{\"items\": []}'"),
};
constexpr std::array kAnswerGroups = {Group{kAnswerFields}};

constexpr std::array kFallbackFields = {
    field<&Fallback::upstream, Kind::kName>(
        "upstream", "The upstream that is asked instead; without it the same one again.",
        "bedrock"),
    field<&Fallback::on>("if",
                         "After which verdicts; also `breaker_open` and `limited`, when the "
                         "circuit breaker or a limit let nothing through.",
                         "[overloaded, breaker_open]"),
    field<&Fallback::model, Kind::kText>("model", "The model to ask for, instead of any.",
                                         "claude-haiku-4-5"),
    field<&Fallback::map_model>("map_model",
                                "The model to ask for, instead of the one named; others stay.",
                                "{gpt-5: gpt-5-mini}"),
    field<&Fallback::path, Kind::kText>(
        "path", "The path to ask for, below the upstream's base path; `{model}` is filled in.",
        "\"/model/{model}/invoke\""),
    field<&Fallback::set>("set", "Values that are put into the request's JSON body.",
                          "{/stream: false}"),
    field<&Fallback::answer>("answer", "A fixed answer, instead of asking anybody.",
                             "{status: 200, body: '{\"items\": []}'}"),
    field<&Fallback::stale>("stale",
                            "The answer that `cache` has stored, out of date by this time at most.",
                            "24h", {.min = 1'000'000'000}),
    field<&Fallback::degraded>(
        "degraded", "Whether the answer is marked with `Outrigger-Degraded: true`.", "false"),
};
constexpr std::array kFallbackGroups = {Group{kFallbackFields}};

// ---- validate ----

constexpr std::array kRepairFields = {
    field<&Repair::deterministic>(
        "deterministic",
        "Whether what needs no model is mended first: code fences, trailing commas, unclosed "
        "brackets.",
        "true"),
    field<&Repair::prompts>("prompts", "The most times that the model is asked to mend its answer.",
                            "2", {.min = 0, .max = 10}),
    field<&Repair::max_tokens>("max_tokens", "The most tokens of all of these, estimated.", "8000",
                               {.max = 10'000'000}),
    field<&Repair::time>("time", "The longest time of all of these.", "60s"),
};
constexpr std::array kRepairGroups = {Group{kRepairFields}};

constexpr std::array kValidateFields = {
    field<&Validate::what>(
        "of",
        "What must fit the schema: the text of the model's answer (`content`), or the whole "
        "body of any answer (`body`).",
        "content"),
    field<&Validate::schema, Kind::kJson>("schema", "A JSON Schema, or `file:` and its path.",
                                          "'{\"type\": \"object\"}'"),
    field<&Validate::from_request>(
        "from_request",
        "Whether the schema that a request itself asks for (structured output of OpenAI, Anthropic "
        "and Gemini) is checked.",
        "true"),
    field<&Validate::repair>("repair", "How an answer that does not fit is mended.",
                             "{prompts: 1}"),
};
constexpr std::array kValidateGroups = {Group{kValidateFields}};

// ---- credentials ----

constexpr std::array kAwsFields = {
    field<&AwsSigning::region, Kind::kName>("region", "The region.", "us-east-1"),
    field<&AwsSigning::service, Kind::kName>("service", "The service's name in signatures.",
                                             "bedrock"),
    field<&AwsSigning::access_key>("access_key", "The access key.", "\"${AWS_ACCESS_KEY_ID}\""),
    field<&AwsSigning::secret_key>("secret_key", "The secret key.", "\"${AWS_SECRET_ACCESS_KEY}\""),
    field<&AwsSigning::session_token>("session_token", "Of temporary credentials.",
                                      "\"${AWS_SESSION_TOKEN}\""),
};
constexpr std::array kAwsGroups = {Group{kAwsFields}};

constexpr std::array kCredentialFields = {
    field<&Credentials::keys>(
        "keys",
        "Keys of the upstream, as `${NAME}` or `file:/path`. Of several, one that is throttled is "
        "left alone until its time is over, one that is refused or out of money is set aside.",
        "[\"${API_KEY_A}\", \"${API_KEY_B}\"]"),
    field<&Credentials::header, Kind::kText>("header", "The header that carries the key.",
                                             "x-api-key"),
    or_word(
        field<&Credentials::scheme, Kind::kText>(
            "scheme", "What stands before the key, as `Bearer`; `none`: the key alone.", "Bearer"),
        "none"),
    field<&Credentials::aws>("aws", "Signatures of AWS (Version 4), made anew for every attempt.",
                             "{region: us-east-1}"),
    field<&Credentials::keep_client>(
        "keep_client", "Whether a client that brings its own credential keeps it.", "true"),
};
constexpr std::array kCredentialGroups = {Group{kCredentialFields}};

constexpr Block kAnswer{"fallback[].answer", "A fixed answer.", kAnswerGroups,
                        default_of<FixedAnswer>};
constexpr Block kFallback{"fallback[]",
                          "A second way when the first failed for good: tried in order, within the "
                          "same deadline, each at most once.",
                          kFallbackGroups, default_of<Fallback>};
constexpr Block kRepair{"validate.repair",
                        "How an answer that does not fit is mended; `none`: not.", kRepairGroups,
                        default_of<Repair>};
constexpr Block kValidate{"validate",
                          "What a good answer looks like; one that does not is `invalid_response`. "
                          "`none` looks at nothing.",
                          kValidateGroups, default_of<Validate>};
constexpr Block kAws{"credentials.aws", "Signatures of AWS, Version 4; `none`: none.", kAwsGroups,
                     default_of<AwsSigning>};
constexpr Block kCredentials{"credentials",
                             "Keys that the proxy adds, so that agents need none. `none` adds "
                             "nothing.",
                             kCredentialGroups, default_of<Credentials>};

}  // namespace

template <>
const Block& block_of<FixedAnswer>() {
  return kAnswer;
}
template <>
const Block& block_of<Fallback>() {
  return kFallback;
}
template <>
const Block& block_of<Repair>() {
  return kRepair;
}
template <>
const Block& block_of<Validate>() {
  return kValidate;
}
template <>
const Block& block_of<AwsSigning>() {
  return kAws;
}
template <>
const Block& block_of<Credentials>() {
  return kCredentials;
}

}  // namespace outrigger::config

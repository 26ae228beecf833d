#include "config/codes.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace outrigger::config {
namespace {

constexpr std::array kCodes = {
    CodeInfo{Code::kUnreadableFile, "the configuration cannot be read",
             "The file is missing, is not a regular text file, may not be read by this user, or is "
             "larger "
             "than 4 MiB.",
             "Check the path and its permissions. `outrigger init` writes a first file."},
    CodeInfo{
        Code::kSyntax, "not valid YAML",
        "The text cannot be read as YAML 1.2: wrong indentation, a missing bracket or quote, a "
        "tab.",
        "Indent with spaces, close what is open, and put quotes around values with `: `, ` #` or "
        "leading special characters."},
    CodeInfo{Code::kNotUsed, "a YAML feature that is not used here",
             "Anchors, aliases, merge keys (`<<`), tags, complex keys and several documents in one "
             "file make "
             "the place of a value uncertain, and tools differ in what they mean.",
             "Share values with `defaults` or with a profile that several upstreams `use`."},
    CodeInfo{Code::kAmbiguousWord, "a word that tools read differently",
             "YAML 1.1 tools read on, off, yes, no, y and n as booleans and 010 as eight; YAML 1.2 "
             "tools do "
             "not. The same file would mean two things.",
             "Write true or false, a number without leading zeros, or put the text in quotes."},
    CodeInfo{Code::kDuplicateKey, "a key is written twice",
             "One of the two values would be ignored without a word.",
             "Keep one of them, or merge the two blocks."},
    CodeInfo{
        Code::kBounds, "larger than a configuration may be",
        "Nesting is bounded to 32 levels and a file to 100,000 values, so that no file can exhaust "
        "the "
        "process.",
        "Flatten the file. Generated configuration should use profiles instead of repetition."},
    CodeInfo{Code::kVersion, "the version of the format is missing or unknown",
             "`version` says which format a file is written in, so that a later release can read "
             "it as it "
             "was meant.",
             "Write `version: 1` as the first line."},
    CodeInfo{Code::kUnknownKey, "a key that does not exist here",
             "An unknown key is a misspelt one or one in the wrong block; ignoring it would leave "
             "a policy "
             "out in silence.",
             "Correct the name, or move it to the block that the message names. `outrigger config "
             "reference` lists all keys."},
    CodeInfo{Code::kReservedKey, "a policy that this version does not have",
             "The name is reserved for a policy of a later version. Accepting it would let you "
             "believe that "
             "it protects you.",
             "Remove the block, or use a version that has the policy."},
    CodeInfo{Code::kMissingKey, "a value is missing",
             "A block lacks a key that it cannot do without, or a key has no value.",
             "Add the key that the message names, or remove the empty one."},
    CodeInfo{Code::kConflict, "two keys exclude each other or belong together",
             "Both keys say the same thing, or one has no meaning without the other.",
             "Keep one of them, or write both, as the message says."},
    CodeInfo{Code::kWrongShape, "a value of the wrong shape",
             "A block, a list and a plain value were confused.",
             "Write the shape that the message names; the reference has an example for each key."},
    CodeInfo{Code::kDuration, "not a duration", "A number alone does not say what it counts.",
             "Write a number and a unit: ns, us, ms, s, m, h or d, also joined as in `1m30s`."},
    CodeInfo{Code::kSize, "not a size", "A number alone does not say what it counts.",
             "Write a number and a unit: B, KB, MB, GB (1000) or KiB, MiB, GiB (1024)."},
    CodeInfo{Code::kNumber, "not a whole number",
             "The value counts something and must be a plain decimal number.",
             "Write digits only, without quotes, unit, sign, separator or leading zero."},
    CodeInfo{Code::kBoolean, "neither true nor false",
             "Only the plain words true and false are booleans here.",
             "Write true or false, in lower case and without quotes."},
    CodeInfo{Code::kWord, "not one of the allowed words", "The value must be one of a closed list.",
             "Write one of the words that the message lists."},
    CodeInfo{
        Code::kText, "not a usable text",
        "The value is empty, or holds control characters or bytes that are not UTF-8, or is a bare "
        "true or false where a text is meant.",
        "Write the text, in quotes when in doubt."},
    CodeInfo{Code::kRange, "out of range",
             "The value is legal in form but makes no sense in size, for example a timer of zero.",
             "Choose a value in the range that the message names; `none` where no bound is meant."},
    CodeInfo{Code::kPercent, "not a percentage",
             "The value is a part of something, and 0.5 or 50 alone could mean two things.",
             "Write 0% to 100%, for example `50%` or `12.5%`."},
    CodeInfo{Code::kDecimal, "not a number",
             "The value must be a plain decimal number, perhaps with a point.",
             "Write for example `2` or `1.5`, without quotes, unit or exponent."},
    CodeInfo{Code::kUrl, "not the address of an upstream",
             "An upstream's address is http:// or https://, a host, and perhaps a port and a path. "
             "A query, a "
             "fragment or user-info has no place in it.",
             "Write for example `https://api.example.com/v1`. Credentials belong in the client's "
             "requests."},
    CodeInfo{Code::kListenAddress, "not an address to listen on",
             "The address must say which interface is served, because a proxy open to a network by "
             "accident "
             "is a hole.",
             "Write `127.0.0.1:4170`, `[::1]:4170`, `0.0.0.0:4170` or `unix:/path`."},
    CodeInfo{Code::kHost, "not a host name",
             "Host names are matched exactly, in lower case, without scheme, port or path. Numbers "
             "that some "
             "libraries read as addresses (127.1, 0x7f000001) are refused.",
             "Write for example `api.example.com`."},
    CodeInfo{Code::kPath, "not a path to match",
             "A prefix is matched by whole segments against the path as received: it starts with "
             "one slash "
             "and holds no empty, dot or encoded segment, no query and no pattern.",
             "Write for example `/invoices`."},
    CodeInfo{Code::kNetwork, "not a network",
             "A network is an address and a prefix length, with no bit set behind the prefix.",
             "Write for example `10.1.0.0/16` or `fd12:3456::/32`."},
    CodeInfo{Code::kMethod, "not a request method",
             "Methods are tokens and case-sensitive; the usual ones are upper case.",
             "Write for example `POST`."},
    CodeInfo{Code::kName, "not a usable name",
             "Names become path prefixes and metric labels: lower-case letters, digits, `-`, `_` "
             "and `.`, at "
             "most 64, starting with a letter or digit.",
             "Choose such a name."},
    CodeInfo{Code::kPointer, "not a JSON pointer",
             "A place in a JSON document is named as in RFC 6901: each part begins with a slash, "
             "and `~` stands only in `~0` (for `~`) and `~1` (for `/`).",
             "Write for example `/error/code`."},
    CodeInfo{Code::kStatus, "not a status, class or range",
             "HTTP statuses have three digits, from 100 to 599.",
             "Write for example `429`, `5xx` or `500-504`."},
    CodeInfo{Code::kMatch, "not a test of a header or a JSON value",
             "A header is tested with a value, a JSON value with a value or with at_least, at_most "
             "or contains; `\"*\"` is any value.",
             "Write for example `header: {x-ratelimit-remaining: \"0\"}` or `json: {/total: "
             "{at_least: 1}}`."},
    CodeInfo{
        Code::kVariable, "an environment variable is missing or misspelt",
        "`${NAME}` takes the value of an environment variable when the configuration is loaded.",
        "Set the variable, give a default as in `${NAME:-value}`, or write `$${` for a plain "
        "`${`."},
    CodeInfo{Code::kSecretFile, "a secret cannot be read",
             "`file:/path` takes a secret from a file, without the line break at its end.",
             "Check the path and its permissions; the file must not be empty."},
    CodeInfo{Code::kCertificate, "a certificate or key cannot be used",
             "The file cannot be read or does not hold what its key says in PEM form.",
             "Check the path, its permissions and that certificate and key were not swapped."},
    CodeInfo{Code::kRate, "not a rate",
             "A rate is a whole number of events and the time in which they happen: `s`, `min`, "
             "`h` or `d`.",
             "Write for example `60/min`."},
    CodeInfo{Code::kJson, "not JSON",
             "The value is JSON text (RFC 8259), or `file:` and the path of a file that holds it.",
             "Check it with a JSON tool: names and texts are in double quotes, and no comma stands "
             "before a closing bracket."},
    CodeInfo{Code::kUnknownProfile, "no such profile",
             "`use` names a profile that is neither built in nor in `profiles`.",
             "Correct the name; `outrigger config reference` lists the built-in profiles."},
    CodeInfo{Code::kProfileCycle, "profiles use each other in a circle",
             "A profile that uses itself, directly or through others, has no end.",
             "Remove one `use`."},
    CodeInfo{Code::kUnknownUpstream, "no such upstream",
             "A fallback names an upstream that is not in `upstreams`.",
             "Correct the name, or add the upstream; a model of the same upstream is `model`."},
    CodeInfo{Code::kSameMatch, "two upstreams claim the same requests",
             "Only one of two upstreams with the same path prefix or host could ever be chosen.",
             "Give each its own `match`, or make one a route or an endpoint of the other."},
    CodeInfo{
        Code::kUnreachableRoute, "a route can never be chosen",
        "Routes are tried in order and an earlier one matches all that this one does: its policies "
        "would never be in force.",
        "Move the narrower route up, or remove it."},
    CodeInfo{
        Code::kListenCollision, "two listeners on one address",
        "The proxy, admin and health ports are different services and need different addresses.",
        "Change one of the ports."},
    CodeInfo{Code::kNothingServed, "nothing would be served",
             "There is no upstream, and forwarding to other hosts is not enabled.",
             "Add an upstream, or remove the empty `upstreams` to serve the built-in providers."},
    CodeInfo{Code::kInconsistent, "values that contradict each other",
             "Each value is legal, but together they have no sense.",
             "Change one of them as the message says."},
    CodeInfo{Code::kRule, "a rule of `classify` that says nothing",
             "A rule needs at least one condition, else it would judge every attempt, successes "
             "too, and a verdict that an answer can have.",
             "Add what is missing, as in `{status: 409, error: [UNABLE_TO_LOCK_ROW], verdict: "
             "transient}`."},
    CodeInfo{Code::kUnreachableRule, "a rule of `classify` that is never asked",
             "Rules are asked in order and an earlier one holds whenever this one does.",
             "Move the narrower rule up, or remove it."},
    CodeInfo{Code::kNeverOpens, "a circuit breaker that never opens",
             "None of failures_in_a_row, failure_rate and slow can be reached.",
             "Set one of them and the verdicts that count, or write `circuit_breaker: none`."},
    CodeInfo{Code::kVerdict, "a verdict that makes no sense here",
             "`ok` is no failure, and for a cancelled attempt nobody waits any more: neither can "
             "be retried or speak against an upstream.",
             "Remove the verdict from the list."},
    CodeInfo{
        Code::kUnreachableFallback, "a fallback that is never taken",
        "Fallbacks are tried in order, and an earlier one with a fixed `answer` is taken "
        "whenever this one would be, and cannot fail; or an earlier `stale` finds every stored "
        "answer that this one would.",
        "Move the entry up, or name fewer cases in the `if` of the earlier one."},
    CodeInfo{Code::kPlainText, "credentials would travel unprotected",
             "The upstream is reached over http:// at a host that is not local or private: keys in "
             "requests "
             "can be read on the way.",
             "Use https://."},
    CodeInfo{Code::kUnsafe, "an option that weakens a guarantee",
             "Options called unsafe_ exist for tests and emergencies. They are logged once a "
             "minute and have "
             "a metric while they are in force.",
             "Remove the option; for a private authority name its certificate in `ca_file`."},
    CodeInfo{Code::kSuspicious, "probably not what was meant",
             "The configuration is legal and will be used, but the value has no effect or a "
             "surprising one.",
             "Read the message, and change the value or leave it."},
};

}  // namespace

std::span<const CodeInfo> codes() noexcept {
  return kCodes;
}

const CodeInfo* find_code(std::string_view text) noexcept {
  if (text.size() > 4 && (text[0] | 0x20) == 'o' && (text[1] | 0x20) == 'u' &&
      (text[2] | 0x20) == 't' && text[3] == '-') {
    text.remove_prefix(4);
  }
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return nullptr;
  const auto found = std::ranges::find(
      kCodes, number, [](const CodeInfo& info) { return static_cast<unsigned>(info.code); });
  return found == kCodes.end() ? nullptr : &*found;
}

std::string to_string(Code code) {
  return fmt::format("OUT-{}", static_cast<unsigned>(code));
}

}  // namespace outrigger::config

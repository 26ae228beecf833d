#include "config/once_checks.h"

#include <fmt/format.h>

#include "config/units.h"

namespace outrigger::config {

void check_idempotency(const Policies& policies, const std::string& path, Checker& checker) {
  if (!policies.idempotency) return;
  const Idempotency& keys = *policies.idempotency;
  const std::string at = path + ".idempotency";
  if (keys.owner == KeyOwner::kHeader && keys.owner_header.empty()) {
    checker.error(Code::kMissingKey, at + ".owner", "owner: header does not say which",
                  "add owner_header: X-Agent-Id");
  }
  if (keys.owner != KeyOwner::kHeader && !keys.owner_header.empty()) {
    checker.warning(Code::kSuspicious, at + ".owner_header",
                    "owner_header has no effect without owner: header", "write owner: header");
  }
  if (!keys.exclude.empty() && keys.fingerprint != FingerprintOf::kJson) {
    checker.warning(Code::kSuspicious, at + ".exclude",
                    "exclude has no effect without fingerprint: json", "write fingerprint: json");
  }
  if (keys.header.empty()) {
    checker.error(Code::kInconsistent, at + ".header", "a header has a name",
                  "write header: Idempotency-Key");
  }
  if (policies.replay == Replay::kKeyed && keys.upstream.header.empty() &&
      keys.upstream.json.empty()) {
    checker.error(Code::kConflict, at + ".upstream",
                  "replay: keyed says that the upstream honours keys, and it is told none",
                  "write upstream: {header: Idempotency-Key}, or another class");
  }
  if (policies.replay == Replay::kKeyed && keys.upstream.horizon > keys.keep) {
    checker.warning(
        Code::kSuspicious, at + ".keep",
        fmt::format("an answer is forgotten ({}) before the upstream forgets the key ({})",
                    print_duration(keys.keep), print_duration(keys.upstream.horizon)),
        "keep it at least as long");
  }
}

void check_client_gone(const Policies& policies, const std::string& path, bool used,
                       Checker& checker) {
  const OnClientGone& gone = policies.on_client_gone;
  const std::string at = path + ".on_client_gone";
  const bool conditions = gone.bytes || gone.elapsed;
  if (gone.then == OnClientGone::Then::kFinishIf && !conditions) {
    checker.error(Code::kMissingKey, at, "finish_if does not say when",
                  "add bytes: 1KiB or elapsed: 10s");
  }
  if (!used && checker.wrote(at)) {  // a profile's default is nobody's mistake
    checker.warning(
        Code::kSuspicious, at,
        "on_client_gone has no effect without idempotency or cache: a request ends with "
        "its client",
        "add idempotency: {}");
    return;
  }
  if (gone.then != OnClientGone::Then::kFinishIf && conditions) {
    checker.warning(Code::kSuspicious, at, "bytes and elapsed have no effect without finish_if",
                    "write then: finish_if");
  }
}

}  // namespace outrigger::config

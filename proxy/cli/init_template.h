// The file that `outrigger init` writes: small enough to read, legal as it stands, and legal with
// every setting switched on. In it "# words" is prose, "#key" and "#  key" are settings.
#pragma once

#include <string_view>

namespace outrigger::cli {

inline constexpr std::string_view kInitTemplate =
    R"(# Outrigger: what it serves, and where. After a change: outrigger check
# Every key: outrigger config reference. What is in force: outrigger config show --defaults
# To switch an example on, remove the # in front of its lines.
version: 1

#server:
#  listen: 127.0.0.1:4170      # clients
#  health: 127.0.0.1:4173      # probes and /metrics
#  drain:
#    announce: 2s              # after SIGTERM: readiness fails, new calls are still taken
#    streams: 10m              # then running calls may finish for so long

# What all upstreams have in common; each may say otherwise. Durations carry their unit.
#defaults:
#  timeouts:
#    connect: 5s
#    headers: 10m              # from the whole request to the first byte of the answer
#    gap: 5m                   # between two parts of an answer

# An upstream is a service: its name is the first part of the path that clients call,
# http://127.0.0.1:4170/openai/v1. `use` takes what is known of a provider: address, version,
# timeouts.
upstreams:
  openai:
    use: openai
  anthropic:
    use: anthropic

  # Any other HTTP service:
  #erp:
  #  use: saas
  #  url: https://erp.example.com/api
  #  timeouts: {total: 30s}
  #  routes:
  #    - match: {method: POST, path: /reports}
  #      timeouts: {total: 5m}

  # A service at several addresses:
  #local-llm:
  #  use: llm
  #  endpoints: [http://127.0.0.1:8000, http://127.0.0.1:8001]
)";

}  // namespace outrigger::cli

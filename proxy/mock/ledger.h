// What the mock was asked and how each answer went, so that a test can count exactly. Bounded: a
// ring of requests, and counters by path and key that end in "(others)". Never holds a credential.
// One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>

namespace outrigger::mock {

// Which number of the ledger's life a request has; valid after it left the ring.
using RequestNumber = std::uint64_t;

struct Hit {
  RequestNumber number = 0;
  std::int64_t at_micros = 0;  // since 1970, when the head had come
  std::string method, path;    // without the query
  std::string http;            // "1.1", "2"
  std::string key;             // Mock-Key
  std::string idempotency_key;
  std::string retry_count;       // x-stainless-retry-count
  std::uint64_t body_bytes = 0;  // as far as they were read
  std::string body_hash;         // FNV-1a, 16 hexadecimal digits; empty: no body
  std::string dialect;
  std::string fault;         // as written; empty: healthy
  int status = 0;            // as sent; 0: none
  std::string outcome;       // one word: see the server; "open" until it ended
  bool client_gone = false;  // the client left before its answer was whole
  std::int64_t took_micros = 0;
};

class Ledger {
 public:
  static constexpr std::size_t kMostHits = 1000;
  static constexpr std::size_t kMostNames = 1000;

  // Takes note of a request whose head has come.
  RequestNumber open(Hit hit);
  // The request, to be filled in; nullptr when it has left the ring or the ledger was reset.
  Hit* find(RequestNumber number) noexcept;
  // Call once a request, at its end.
  void close(RequestNumber number, const std::string& outcome);
  void reset();

  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  // {"total", "open", "by_path", "by_key", "by_outcome", "requests": [oldest first]}.
  [[nodiscard]] std::string to_json() const;

 private:
  using Counters = std::map<std::string, std::uint64_t, std::less<>>;
  static void count(Counters& counters, const std::string& name);

  RequestNumber next_ = 1;
  std::uint64_t total_ = 0;
  std::uint64_t open_ = 0;
  std::deque<Hit> hits_;     // numbers follow each other
  RequestNumber first_ = 1;  // since the last reset
  Counters by_path_, by_key_, by_outcome_;
};

}  // namespace outrigger::mock

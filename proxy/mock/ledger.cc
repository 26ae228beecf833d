#include "proxy/mock/ledger.h"

#include "proxy/mock/json.h"

namespace outrigger::mock {
namespace {

Json to_json(const Hit& hit) {
  return {{"number", hit.number},
          {"at_ms", hit.at_micros / 1000},
          {"method", hit.method},
          {"path", hit.path},
          {"http", hit.http},
          {"key", hit.key},
          {"idempotency_key", hit.idempotency_key},
          {"retry_count", hit.retry_count},
          {"body_bytes", hit.body_bytes},
          {"body_hash", hit.body_hash},
          {"dialect", hit.dialect},
          {"fault", hit.fault},
          {"status", hit.status},
          {"outcome", hit.outcome},
          {"client_gone", hit.client_gone},
          {"took_ms", hit.took_micros / 1000}};
}

}  // namespace

void Ledger::count(Counters& counters, const std::string& name) {
  if (counters.size() < kMostNames || counters.contains(name)) {
    ++counters[name];
  } else {
    ++counters["(others)"];
  }
}

RequestNumber Ledger::open(Hit hit) {
  hit.number = next_++;
  hit.outcome = "open";
  ++total_;
  ++open_;
  count(by_path_, hit.path);
  if (!hit.key.empty()) count(by_key_, hit.key);
  hits_.push_back(std::move(hit));
  if (hits_.size() > kMostHits) hits_.pop_front();
  return hits_.back().number;
}

Hit* Ledger::find(RequestNumber number) noexcept {
  if (hits_.empty() || number < hits_.front().number) return nullptr;
  const std::uint64_t at = number - hits_.front().number;
  return at < hits_.size() ? &hits_[at] : nullptr;
}

void Ledger::close(RequestNumber number, const std::string& outcome) {
  if (number < first_) return;
  --open_;
  count(by_outcome_, outcome);
  if (Hit* hit = find(number)) hit->outcome = outcome;
}

void Ledger::reset() {
  hits_.clear();
  by_path_.clear();
  by_key_.clear();
  by_outcome_.clear();
  total_ = open_ = 0;
  first_ = next_;
}

std::string Ledger::to_json() const {
  Json requests = Json::array();
  for (const Hit& hit : hits_) requests.push_back(mock::to_json(hit));
  return dump({{"total", total_},
               {"open", open_},
               {"by_path", by_path_},
               {"by_key", by_key_},
               {"by_outcome", by_outcome_},
               {"requests", requests}});
}

}  // namespace outrigger::mock

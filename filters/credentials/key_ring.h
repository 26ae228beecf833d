// The keys of an upstream that the proxy adds to requests, as all workers share them: whose turn it
// is, and which are set aside because they were refused or are out of money. No key is kept here,
// but its hash, by which its state survives a reload. Any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/duration.h"
#include "proxy/base/log.h"

namespace outrigger::filters {

// Why a key is not used.
enum class Aside : std::uint8_t {
  kAuth,  // refused by the upstream
  kQuota  // out of money, or of a quota that is its own
};
std::string_view to_string(Aside why) noexcept;

// One key's state; asked for each request, so the usual answer takes no lock.
class KeyRecord {
 public:
  struct Shut {
    Aside why = Aside::kAuth;
    Duration left{0};  // until it comes back, or one request may find out whether it has
  };
  // Nothing for a key that may be used. One that was out of money comes back when its time is over.
  [[nodiscard]] std::optional<Shut> shut(TimePoint now);
  // True for one caller in kProbeEvery of a key that is set aside: its request finds out.
  [[nodiscard]] bool take_probe(TimePoint now);
  // A refused key comes back by a probe only; the other kind after `wait`, or by a probe. True when
  // it was in use until now.
  bool set_aside(Aside why, Duration wait, TimePoint now);
  // A request that began then shows that it works; nothing, where it was set aside since. True when
  // it was set aside until now.
  bool take_back(TimePoint began);

  static constexpr Duration kProbeEvery = 5min;

 private:
  std::atomic<bool> aside_{false};
  std::mutex mutex_;
  Aside why_ = Aside::kAuth;
  TimePoint since_;  // it is aside for `why_`
  TimePoint until_;  // of kQuota
  TimePoint next_probe_;
};

// The keys of one list in the configuration, in its order.
class KeyRing {
 public:
  KeyRing(std::string upstream, std::vector<std::uint64_t> hashes,
          std::vector<std::shared_ptr<KeyRecord>> records)
      : upstream_(std::move(upstream)), hashes_(std::move(hashes)), records_(std::move(records)) {}

  // Round robin over all requests of all workers.
  [[nodiscard]] std::size_t next() noexcept {
    return turn_.fetch_add(1, std::memory_order_relaxed) % records_.size();
  }
  [[nodiscard]] std::size_t size() const noexcept { return records_.size(); }
  [[nodiscard]] KeyRecord& record(std::size_t key) const noexcept { return *records_[key]; }
  [[nodiscard]] std::uint64_t hash(std::size_t key) const noexcept { return hashes_[key]; }
  [[nodiscard]] const std::vector<std::uint64_t>& hashes() const noexcept { return hashes_; }
  [[nodiscard]] const std::string& upstream() const noexcept { return upstream_; }

 private:
  const std::string upstream_;
  const std::vector<std::uint64_t> hashes_;
  const std::vector<std::shared_ptr<KeyRecord>> records_;
  std::atomic<std::size_t> turn_{0};
};

// A key was set aside, or is back. Views live for the call.
struct KeyChange {
  std::string_view upstream;
  std::size_t position = 0;  // from 1, in the configuration
  std::size_t of = 0;
  std::string_view tail;     // the last characters of the key, at most four; empty for a short one
  std::optional<Aside> why;  // nothing: it is back
};
using KeyListener = std::function<void(const KeyChange&)>;

// All rings of the process, found at set-up, never by a call. The state of a key is kept as long as
// a configuration in use has it.
class SharedKeys {
 public:
  // Called with no lock held, on the thread of the change. Set it before the first worker starts.
  void listen(KeyListener listener) { listener_ = std::move(listener); }
  void tell(const KeyChange& change) const {
    if (listener_) listener_(change);
  }

  // The ring of these keys, the same for all who ask with the same hashes in the same order.
  [[nodiscard]] std::shared_ptr<KeyRing> ring(std::string_view upstream,
                                              const std::vector<std::uint64_t>& hashes);
  [[nodiscard]] std::vector<std::shared_ptr<KeyRing>> all() const;

 private:
  struct Known {
    std::string upstream;
    std::uint64_t hash = 0;
    std::weak_ptr<KeyRecord> record;
  };
  [[nodiscard]] std::shared_ptr<KeyRecord> record(std::string_view upstream, std::uint64_t hash);

  KeyListener listener_;
  mutable std::mutex mutex_;
  std::vector<Known> records_;
  std::vector<std::weak_ptr<KeyRing>> rings_;
};

// One line for a change; a warning when a key is set aside.
void log_key_change(Logger& logger, const KeyChange& change);

}  // namespace outrigger::filters

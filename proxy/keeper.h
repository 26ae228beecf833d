// What the process keeps over a restart, in its store: the supervisor's, on the main thread, which
// serves no client and so may wait for a disk. The store is made when there is something to keep.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "config/config.h"
#include "filters/idempotency/record_secret.h"
#include "filters/intake/siphash.h"
#include "filters/retry/cooldowns.h"
#include "proxy/base/log.h"
#include "proxy/base/result.h"
#include "proxy/store/journal.h"

namespace outrigger {

class Keeper {
 public:
  // `log` outlives it.
  Keeper(config::Store settings, Logger& log);
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  // Reads what is there. One that another process has open is passed over with a line in the log:
  // then nothing is kept. Errors, for a person: the store cannot be read, or not by this key.
  Status open();
  // Makes the store where there is none: records of keys need it. Errors as of open(), and that
  // another process has it.
  Status require();
  // By which credentials are hashed.
  [[nodiscard]] const filters::SipKey& credential_key() const noexcept { return credential_key_; }
  // By which records are named; after require().
  [[nodiscard]] const filters::RecordSecret& record_secret() const noexcept {
    return record_secret_;
  }
  [[nodiscard]] const std::vector<filters::SavedCooldown>& cooldowns() const noexcept {
    return cooldowns_;
  }
  // Keeps these instead of what was kept. What fails is logged once, and tried again.
  void keep(std::vector<filters::SavedCooldown> cooldowns);
  // Takes jobs while the store is open.
  [[nodiscard]] store::Journal& journal() noexcept { return journal_; }
  // Brings to the disk what was given.
  void stop() { journal_.stop(); }

 private:
  struct Kept;
  class KeepJob;
  Status open_store();
  Status prepare(store::Store& store);
  Status say_backup(const store::Store& store, store::Batch& batch);
  void failed(const Error& error);

  const config::Store settings_;
  Logger& log_;
  bool busy_ = false;  // another process has it
  filters::SipKey credential_key_ = filters::random_sip_key();
  filters::RecordSecret record_secret_{};
  std::vector<filters::SavedCooldown> cooldowns_;  // as they are to be kept
  std::shared_ptr<Kept> kept_;                     // as they are
  store::Journal journal_;                         // last: its thread uses the rest
};

}  // namespace outrigger

// What the process keeps over a restart, in its store: the supervisor's, on the main thread, which
// serves no client and so may wait for a disk. The store is made when there is something to keep.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "config/config.h"
#include "filters/intake/siphash.h"
#include "filters/retry/cooldowns.h"
#include "proxy/base/log.h"
#include "proxy/base/result.h"
#include "proxy/store/store.h"

namespace outrigger {

class Keeper {
 public:
  // `log` outlives it.
  Keeper(config::Store settings, Logger& log) : settings_(std::move(settings)), log_(log) {}

  // Reads what is there. One that another process has open is passed over with a line in the log:
  // then nothing is kept. Errors, for a person: the store cannot be read, or not by this key.
  Status open();
  // By which credentials are hashed.
  [[nodiscard]] const filters::SipKey& credential_key() const noexcept { return credential_key_; }
  [[nodiscard]] const std::vector<filters::SavedCooldown>& cooldowns() const noexcept {
    return cooldowns_;
  }
  // Keeps these instead of what was kept. What fails is logged once, and tried again.
  void keep(std::vector<filters::SavedCooldown> cooldowns);

 private:
  Status open_store();
  Status write(const std::vector<filters::SavedCooldown>& cooldowns);

  const config::Store settings_;
  Logger& log_;
  std::unique_ptr<store::Store> store_;
  bool busy_ = false;      // another process has it
  bool failing_ = false;   // the last write did not succeed
  bool key_kept_ = false;  // in the store
  filters::SipKey credential_key_ = filters::random_sip_key();
  std::vector<filters::SavedCooldown> cooldowns_;  // as they are kept
};

}  // namespace outrigger

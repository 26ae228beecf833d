#include "proxy/keeper.h"

#include <atomic>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "filters/retry/cooldown_records.h"
#include "proxy/base/wall_clock.h"

namespace outrigger {

// What is on disk: the journal's thread knows, and says when it is not what was given.
struct Keeper::Kept {
  std::vector<filters::SavedCooldown> cooldowns;  // of the journal's thread
  std::atomic<bool> missed = false;               // the last write did not succeed
  std::atomic<bool> told = false;                 // that is in the log
};

namespace {

std::string timestamp(std::int64_t micros) {
  TimestampText text;
  return std::string(text.format(micros));
}

}  // namespace

class Keeper::KeepJob final : public store::Job {
 public:
  KeepJob(Keeper& keeper, std::vector<filters::SavedCooldown> cooldowns)
      : keeper_(keeper), cooldowns_(std::move(cooldowns)) {}
  void run(store::Transaction& store) override {
    filters::cooldown_changes(keeper_.kept_->cooldowns, cooldowns_).apply(store);
  }
  void settle(const Status& written) override {
    if (!written) return keeper_.failed(written.error());
    keeper_.kept_->cooldowns = std::move(cooldowns_);
    keeper_.kept_->told = false;
  }

 private:
  Keeper& keeper_;
  std::vector<filters::SavedCooldown> cooldowns_;
};

Keeper::Keeper(config::Store settings, Logger& log)
    : settings_(std::move(settings)), log_(log), kept_(std::make_shared<Kept>()) {}
Keeper::~Keeper() = default;

Status Keeper::open_store() {
  const store::Store::Setup setup{.folder = settings_.path,
                                  .encryption_key = settings_.encryption_key,
                                  .previous_key = settings_.previous_encryption_key,
                                  .env = nullptr};
  return journal_.open(setup, [this](store::Store& store) { return prepare(store); });
}

Status Keeper::prepare(store::Store& store) {
  const auto credential_key = filters::load_credential_key(store);
  if (!credential_key) return std::unexpected(credential_key.error());
  auto secret = filters::load_record_secret(store);
  if (!secret) return std::unexpected(std::move(secret).error());
  auto cooldowns = filters::load_cooldowns(store);
  if (!cooldowns) return std::unexpected(std::move(cooldowns).error());
  kept_->cooldowns = std::move(*cooldowns);
  store::Batch batch;
  if (Status said = say_backup(store, batch); !said) return said;
  if (*credential_key) {
    credential_key_ = **credential_key;
  } else {
    filters::put_credential_key(batch, credential_key_);
  }
  if (*secret) {
    record_secret_ = **secret;
  } else {
    record_secret_ = filters::random_record_secret();
    filters::put_record_secret(batch, record_secret_);
  }
  return batch.empty() ? Status{} : store.write(batch);
}

// What happened after the copy was made is not in it.
Status Keeper::say_backup(const store::Store& store, store::Batch& batch) {
  const auto made = store.get(store::Store::kBackupName);
  if (!made) return std::unexpected(made.error());
  if (!*made) return {};
  log_.warn("store",
            "the store is a backup: what was executed after it was made is not known to it, and "
            "repetitions of that are executed again",
            {{"made", timestamp(std::strtoll((*made)->c_str(), nullptr, 10) * 1000)}});
  batch.erase(std::string(store::Store::kBackupName));
  return {};
}

Status Keeper::open() {
  if (!store::Store::exists(settings_.path)) return {};
  if (Status opened = open_store(); !opened) {
    if (opened.error().reason != "store_busy") return opened;
    busy_ = true;
    log_.warn("store", "another process uses the data folder: nothing is kept over a restart",
              {{"path", settings_.path}, {"mend", "give each its own store.path"}});
    return {};
  }
  cooldowns_ = kept_->cooldowns;
  return {};
}

Status Keeper::require() {
  return journal_.is_open() ? Status{} : open_store();
}

void Keeper::keep(std::vector<filters::SavedCooldown> cooldowns) {
  const bool missed = kept_->missed.exchange(false);
  if (busy_ || (cooldowns == cooldowns_ && !missed)) return;
  cooldowns_ = cooldowns;
  if (!journal_.is_open()) {
    if (const Status opened = open_store(); !opened) {
      busy_ = opened.error().reason == "store_busy";
      return failed(opened.error());
    }
  }
  journal_.submit_always(std::make_unique<KeepJob>(*this, std::move(cooldowns)));
}

void Keeper::failed(const Error& error) {
  kept_->missed = true;
  if (kept_->told.exchange(true)) return;
  log_.warn("store", "cooldowns will not outlive a restart", {{"why", error.detail.view()}});
}

}  // namespace outrigger

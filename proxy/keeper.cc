#include "proxy/keeper.h"

#include <utility>

#include <fmt/format.h>

#include "filters/retry/cooldown_records.h"

namespace outrigger {

Status Keeper::open_store() {
  auto opened = store::Store::open({.folder = settings_.path,
                                    .encryption_key = settings_.encryption_key,
                                    .previous_key = settings_.previous_encryption_key,
                                    .env = nullptr});
  if (!opened) return std::unexpected(std::move(opened).error());
  store_ = std::move(*opened);
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
  const auto key = filters::load_credential_key(*store_);
  if (!key) return std::unexpected(key.error());
  auto cooldowns = filters::load_cooldowns(*store_);
  if (!cooldowns) return std::unexpected(std::move(cooldowns).error());
  cooldowns_ = std::move(*cooldowns);
  key_kept_ = key->has_value();
  if (*key) credential_key_ = **key;
  return {};
}

void Keeper::keep(std::vector<filters::SavedCooldown> cooldowns) {
  if (busy_ || cooldowns == cooldowns_) return;
  const Status written = write(cooldowns);
  if (written) {
    cooldowns_ = std::move(cooldowns);
  } else if (!failing_) {
    log_.warn("store", "cooldowns will not outlive a restart",
              {{"why", written.error().detail.view()}});
    busy_ = written.error().reason == "store_busy";
  }
  failing_ = !written;
}

Status Keeper::write(const std::vector<filters::SavedCooldown>& cooldowns) {
  if (store_ == nullptr) {
    if (Status opened = open_store(); !opened) return opened;
  }
  store::Batch batch = filters::cooldown_changes(cooldowns_, cooldowns);
  if (!key_kept_) filters::put_credential_key(batch, credential_key_);
  if (Status written = store_->write(batch); !written) return written;
  key_kept_ = true;
  return {};
}

}  // namespace outrigger

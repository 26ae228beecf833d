#include "filters/validate/schema_cache.h"

#include <utility>

namespace outrigger::filters {

SchemaCache::Schema SchemaCache::get(std::string_view text, config::JsonSchema::Written written) {
  if (text.size() > config::JsonSchema::kMaxSchema) return nullptr;
  std::string key(1, static_cast<char>('0' + static_cast<int>(written)));
  key += text;
  if (const auto known = by_key_.find(key); known != by_key_.end()) {
    entries_.splice(entries_.begin(), entries_, known->second);
    return known->second->schema;
  }
  auto compiled = config::JsonSchema::compile(text, written);
  Schema schema;
  if (compiled) schema = std::make_shared<const config::JsonSchema>(std::move(*compiled));
  bytes_ += key.size();
  entries_.push_front({std::move(key), schema});
  by_key_.emplace(entries_.front().key, entries_.begin());
  while (entries_.size() > kMostEntries || bytes_ > kMostBytes) drop_oldest();
  return schema;
}

void SchemaCache::drop_oldest() {
  bytes_ -= entries_.back().key.size();
  by_key_.erase(entries_.back().key);
  entries_.pop_back();
}

}  // namespace outrigger::filters

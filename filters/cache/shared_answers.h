// What the caches of all routes share. Belongs to the process; any thread.
#pragma once

#include <utility>

#include "filters/cache/answer_cache.h"
#include "filters/cache/disk_budget.h"
#include "filters/cache/flights.h"
#include "filters/idempotency/record_secret.h"

namespace outrigger::filters {

struct SharedAnswers {
  explicit SharedAnswers(CacheSettings settings) : answers(std::move(settings)) {}
  // Puts a new entry where it belongs: a page on disk too while there is time for that, an answer
  // to a prompt, which costs more than that, always.
  void put(const CacheKey& key, CacheEntryPtr entry) {
    const bool to_disk = entry->kind == CacheEntry::Kind::kPrompt ||
                         pages_to_disk.take(entry->weight(), entry->stored_us);
    answers.put(key, std::move(entry),
                to_disk ? AnswerCache::Tiers::kBoth : AnswerCache::Tiers::kMemory);
  }

  AnswerCache answers;
  Flights flights;
  DiskBudget pages_to_disk;
  // By which keys are made, so that nobody who sees one learns of a prompt; set before any chain
  // has a cache. Another one makes what is on disk of no use.
  RecordSecret secret = random_record_secret();
};

}  // namespace outrigger::filters

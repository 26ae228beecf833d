// What the caches of all routes share. Belongs to the process; any thread.
#pragma once

#include <utility>

#include "filters/cache/answer_cache.h"
#include "filters/cache/flights.h"
#include "filters/idempotency/record_secret.h"

namespace outrigger::filters {

struct SharedAnswers {
  explicit SharedAnswers(CacheSettings settings) : answers(std::move(settings)) {}
  AnswerCache answers;
  Flights flights;
  // By which keys are made, so that nobody who sees one learns of a prompt; set before any chain
  // has a cache. Another one makes what is on disk of no use.
  RecordSecret secret = random_record_secret();
};

}  // namespace outrigger::filters

// What is asked of the ledger for a request with a key, and what it answers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "filters/idempotency/record.h"
#include "filters/idempotency/reply.h"
#include "filters/idempotency/stored_record.h"
#include "filters/recording/recording.h"

namespace outrigger::filters {

// Somebody is reading the chunks of an answer: they stay.
class BlobLease {};

// What a person says of a request that may have been executed.
enum class Resolution : std::uint8_t {
  kNone,
  kResubmit,  // it was not: it is to be executed
  kDiscard,   // it was, or nobody wants it any more
};

struct Question {
  std::string key;  // kRecordKeyBytes
  Fingerprint raw;
  std::optional<Fingerprint> canonical;  // where it is what the route compares
  RecordRules rules;
  std::string request_id;
  // The key is the request itself, and this is known to be new work: what an equal one has left is
  // of no account.
  bool fresh = false;
  Resolution resolution = Resolution::kNone;
  bool only_reads = false;  // what there is of the key, whatever the request: nothing is executed
};

struct Found {
  Reply reply = Reply::kExecute;
  // The record's fingerprint is of the kind that the question lacks: ask again with it.
  bool needs_canonical = false;
  Record record;
  // kExecute: to be written by who asked, or nothing: the key is in use, and the question `fresh`,
  // so that it is executed without a record. kJoin: to be read.
  std::shared_ptr<Recording> running;
  std::optional<StoredAnswer> answer;  // kReplay
  std::shared_ptr<BlobLease> lease;    // kReplay
  std::string blob;                    // kExecute: the name for chunks of the answer
  std::string request_id;              // of who executed it
  std::string key;                     // that was asked for: for whoever asked to fill in
};

}  // namespace outrigger::filters

// What becomes of work that nobody waits for any more (durability 3, Streams 2). Lives with the
// work, on its worker.
#pragma once

#include <cstdint>
#include <memory>

#include "config/once_policies.h"
#include "filters/recording/detached.h"
#include "filters/recording/recording.h"

namespace outrigger::filters {

// Work without a client, of one route and worker.
struct Orphans {
  std::uint32_t now = 0;
};

class Orphan {
 public:
  // All outlive it.
  Orphan(const config::OnClientGone& policy, Orphans& orphans, Detached& work,
         const Recording& answer) noexcept;
  Orphan(const Orphan&) = delete;
  Orphan& operator=(const Orphan&) = delete;
  ~Orphan();

  // The last client has left, with so much of the answer there: it is cancelled, or may run on for
  // a time. Whoever comes later finds it running all the same.
  void left(std::uint64_t answer_bytes);

 private:
  class Gone;  // the time that it may take without a client
  [[nodiscard]] bool may_finish(std::uint64_t answer_bytes) const noexcept;

  const config::OnClientGone& policy_;
  Orphans& orphans_;
  Detached& work_;
  const Recording& answer_;
  std::unique_ptr<Gone> gone_;  // while nobody reads
};

}  // namespace outrigger::filters

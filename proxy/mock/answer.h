// An answer before anything goes wrong with it: events that know what they are for, so that a fault
// can cut at the right place. Pure values.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "proxy/mock/fault.h"

namespace outrigger::mock {

enum class Role : std::uint8_t {
  kPreamble,    // says that something comes: role-only delta, message_start, ping
  kContent,     // what the caller waits for: the events that a fault counts
  kClosing,     // closes parts of the answer, without saying that it is complete
  kTerminator,  // says that it is complete, and what follows that
  kDone,        // data: [DONE]
};

struct Event {
  Role role = Role::kContent;
  std::string bytes;
};

struct Answer {
  int status = 200;
  std::string content_type;
  Fields headers;
  std::vector<Event> events;  // one, with all of the body, when it is not a stream
  bool stream = false;
};

}  // namespace outrigger::mock

// The answer with its fault done to it: what is sent, when, and how it ends. Pure; the server only
// carries it out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/mock/answer.h"
#include "proxy/mock/fault.h"

namespace outrigger::mock {

// A write of its own, after a time.
struct Piece {
  Duration before{0};
  std::string bytes;
};

enum class End : std::uint8_t {
  kProper,  // the HTTP message ends as it should
  kBreak,   // inside the message: FIN, or RST_STREAM on HTTP/2
  kAbort,   // the same with RST
  kStall,   // never: until the client leaves
};

struct Plan {
  int status = 200;
  Fields headers;                       // with the content type
  std::optional<std::uint64_t> length;  // what Content-Length says; nothing: it is not known
  std::vector<Piece> pieces;
  End end = End::kProper;
};

// `error` is the event of Ending::kErrorEvent, in the answer's dialect.
Plan make_plan(Answer answer, const Fault& fault, const std::string& error);

}  // namespace outrigger::mock

// The event stream parser on any bytes: the way they are split changes nothing, the blocks cover
// the stream without a gap, and what is kept of a block is bounded.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/sse_parser.h"
#include "tests/fuzz/require.h"

namespace outrigger::http {
namespace {

struct Block {
  std::string type, data, last_id, comment;
  std::uint64_t begin, end, retry;
  std::uint32_t comments;
  bool has_data, truncated, unterminated;
  bool operator==(const Block&) const = default;
};

Block copy_of(const SseEvent& event) {
  return {std::string(event.type),
          std::string(event.data),
          std::string(event.last_id),
          std::string(event.comment),
          event.begin,
          event.end,
          event.retry_ms.value_or(0),
          event.comments,
          event.has_data,
          event.truncated,
          event.unterminated};
}

// The blocks of a stream that comes in pieces of `step` bytes.
std::vector<Block> blocks(std::string_view bytes, std::size_t step, std::size_t limit) {
  SseParser parser(limit);
  std::vector<Block> out;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const std::string piece(bytes.substr(at, step));
    std::string_view in = piece;
    while (parser.next(in) == SseParser::Got::kBlock) {
      require(parser.pending_bytes() == 0, "a block ends where the parser stands");
      out.push_back(copy_of(parser.event()));
    }
    require(in.empty(), "the parser takes all that it gets");
    require(parser.offset() == at + piece.size(), "the parser counts what it takes");
  }
  while (parser.finish() == SseParser::Got::kBlock) out.push_back(copy_of(parser.event()));
  require(parser.pending_bytes() == 0, "no byte is left without a block");
  return out;
}

void check(std::string_view bytes, std::size_t limit) {
  const std::vector<Block> whole = blocks(bytes, bytes.size() + 1, limit);
  for (const std::size_t step : {1, 2, 3, 7, 64}) {
    require(blocks(bytes, step, limit) == whole, "a stream reads the same however it is split");
  }
  std::uint64_t at = 0;
  for (const Block& block : whole) {
    require(block.begin == at && block.end > at, "blocks follow one another");
    at = block.end;
    require(block.data.size() + block.type.size() + block.comment.size() <= 2 * limit,
            "a block is bounded");
    require(&block == &whole.back() || !block.unterminated, "only the last block can be cut off");
  }
  require(at == bytes.size(), "blocks cover the stream");
}

}  // namespace
}  // namespace outrigger::http

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const std::size_t limit : {4096, 16, 0}) outrigger::http::check(bytes, limit);
  return 0;
}

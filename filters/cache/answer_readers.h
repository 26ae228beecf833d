// Reads what one JSON of a provider, a whole answer or an event of a stream, adds to the tally of
// the answer. A walk, without a tree; whoever calls holds the text against the grammar. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "filters/cache/answer_tally.h"
#include "filters/cache/prompt_call.h"
#include "proxy/base/json_cursor.h"

namespace outrigger::filters {

// Of the call; kMalformed where it is no JSON.
void read_answer(PromptCall call, std::string_view json, AnswerTally& tally);
// The event of Responses that ends the stream: it holds the answer.
void read_last_response(std::string_view json, AnswerTally& tally);

// ---- by provider, for read_answer ----

void read_chat(JsonCursor& in, AnswerTally& tally);
void read_response(JsonCursor& in, AnswerTally& tally);
void read_message(JsonCursor& in, AnswerTally& tally);     // Anthropic
void read_candidates(JsonCursor& in, AnswerTally& tally);  // Gemini
void read_converse(JsonCursor& in, AnswerTally& tally);

// ---- for them ----

// A piece of the arguments of a call whose choice is not known yet. Views point into the JSON.
struct CallPiece {
  std::uint64_t which = 0;
  std::string_view arguments;
};
// The call `in` stands at: {"index": …, "function": {"arguments": "…"}}.
[[nodiscard]] CallPiece read_call(JsonCursor& in, std::uint64_t position);

// The value is stepped over; where it says something, the answer is barred.
inline void refuse_if_given(JsonCursor& in, AnswerBar bar, AnswerTally& tally) {
  if (says_something(in.skip())) tally.refuse(bar);
}

}  // namespace outrigger::filters

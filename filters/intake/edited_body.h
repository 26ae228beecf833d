// Another body in the place of the one that a client sent.
#pragma once

#include <string>
#include <string_view>

#include "filters/exchange.h"

namespace outrigger::filters {

// What was taken off the request.
struct ClientBody {
  http::Body body;
  ReplayBody* replay = nullptr;
};

// Puts `text` into the request, and makes true what its fields say of a body: length and digests.
// It is another request, so its idempotency key is another one too, wherever the upstream is told
// it: that of the client with `suffix`. No attempt may be reading the body.
ClientBody put_body(Exchange& exchange, std::string text, std::string_view suffix);

// The body only; whoever keeps the fields puts them back.
void put_back(Exchange& exchange, ClientBody body) noexcept;

}  // namespace outrigger::filters

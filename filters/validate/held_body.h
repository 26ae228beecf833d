// Reads the body of an answer up to a bound, so that it can be looked at before anything of it
// reaches the client.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/http/body.h"

namespace outrigger::filters {

// The whole body, which is left in its place to be read once more; nothing when it is longer than
// `most`: then it gives all its bytes too. Errors are those of the body.
[[nodiscard]] Task<Result<std::optional<Slice>>> hold_body(http::Body& body, std::uint64_t most,
                                                           CancelScope& scope);

}  // namespace outrigger::filters

// Under what name the record of a key is kept, and whose it is. All of it is hashed with the
// store's secret: keys hold what people typed and are short enough to be guessed, and a credential
// must not be found out from a disk (durability 4.5). Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "config/policies.h"
#include "filters/digest/digest.h"
#include "filters/idempotency/request_key.h"
#include "proxy/http/message.h"

namespace outrigger::filters {

using RecordId = std::array<std::uint8_t, 32>;
using OwnerTag = std::array<std::uint8_t, 16>;

struct Owner {
  std::string text;  // "certificate:CN=agent"; a credential's only as a hash
  OwnerTag tag;      // stands before the ids of its records in the store
  bool operator==(const Owner&) const = default;
};

// Whose request it is by such a policy; `header` is of KeyOwner::kHeader. Without a certificate or
// header to tell, or with an empty one, it is the credential's, and without that nobody's: all such
// requests have one owner.
[[nodiscard]] Owner owner_of(StoreKey key, config::KeyOwner by, std::string_view header,
                             const http::RequestHead& head, std::string_view certificate_subject);

// `text` is the key's, and not empty; of KeySource::kLibrary it is library_text() of the request.
[[nodiscard]] RecordId record_id(StoreKey key, std::string_view upstream, const Owner& owner,
                                 KeySource source, std::string_view text);

}  // namespace outrigger::filters

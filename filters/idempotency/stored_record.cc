#include "filters/idempotency/stored_record.h"

#include <concepts>
#include <cstring>

namespace outrigger::filters {
namespace {

constexpr std::uint8_t kForm = 1;

// Big-endian, so that the order of names is that of their numbers.
template <std::unsigned_integral T>
void put(std::string& out, T value) {
  for (int shift = static_cast<int>(sizeof value) * 8 - 8; shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift);
  }
}

void put_text(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

// Takes values off the front; once something is missing all that follows is empty.
class Reader {
 public:
  explicit Reader(std::string_view bytes) noexcept : rest_(bytes) {}

  template <std::unsigned_integral T>
  T number() {
    T value = 0;
    for (const char byte : bytes(sizeof value)) {
      value = static_cast<T>(value << 8 | static_cast<std::uint8_t>(byte));
    }
    return value;
  }
  std::int64_t time() { return static_cast<std::int64_t>(number<std::uint64_t>()); }
  std::string text() { return std::string(bytes(number<std::uint32_t>())); }
  std::string_view bytes(std::size_t size) {
    if (size > rest_.size()) good_ = false;
    if (!good_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  [[nodiscard]] bool good() const noexcept { return good_; }
  [[nodiscard]] bool done() const noexcept { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

constexpr std::uint8_t kPromised = 1, kDoubtful = 2, kAnswered = 4, kKept = 8;

void put_fields(std::string& out, const std::vector<StoredField>& fields) {
  put(out, static_cast<std::uint16_t>(fields.size()));
  for (const auto& [name, value] : fields) {
    put_text(out, name);
    put_text(out, value);
  }
}

std::vector<StoredField> read_fields(Reader& in) {
  std::vector<StoredField> fields;
  const auto count = in.number<std::uint16_t>();
  for (std::uint16_t i = 0; i < count && in.good(); ++i) {
    std::string name = in.text();
    fields.push_back({std::move(name), in.text()});
  }
  return fields;
}

void put_answer(std::string& out, const StoredAnswer& answer) {
  put(out, static_cast<std::uint16_t>(answer.head.status));
  put_fields(out, answer.head.fields);
  put_fields(out, answer.trailers);
  put(out, answer.length);
  put_text(out, answer.blob);
  put_text(out, answer.body);
}

StoredAnswer read_answer(Reader& in) {
  StoredAnswer answer;
  answer.head.status = in.number<std::uint16_t>();
  answer.head.fields = read_fields(in);
  answer.trailers = read_fields(in);
  answer.length = in.number<std::uint64_t>();
  answer.blob = in.text();
  answer.body = in.text();
  if (answer.trailers.empty())
    answer.head.length = answer.length;  // else a message has no room for them
  return answer;
}

}  // namespace

std::string write_record(const StoredRecord& stored) {
  const Record& record = stored.record;
  const bool kept = stored.answer && stored.answer->kept;
  std::string out;
  put(out, kForm);
  put(out, static_cast<std::uint8_t>(record.state));
  put(out, static_cast<std::uint8_t>((record.promised ? kPromised : 0) |
                                     (record.doubtful ? kDoubtful : 0) |
                                     (stored.answer ? kAnswered : 0) | (kept ? kKept : 0)));
  for (const std::uint32_t count :
       {record.generation, record.attempt, record.probes, record.negatives}) {
    put(out, count);
  }
  put(out, record.epoch);
  for (const std::int64_t time :
       {record.first_sent_ms, record.lost_ms, record.expires_ms, stored.remember_ms}) {
    put(out, static_cast<std::uint64_t>(time));
  }
  put(out, static_cast<std::uint8_t>(stored.fingerprint.kind));
  out.append(reinterpret_cast<const char*>(stored.fingerprint.sha256.data()),
             stored.fingerprint.sha256.size());
  put_text(out, stored.request_id);
  if (stored.answer) put_answer(out, *stored.answer);
  return out;
}

std::optional<StoredRecord> read_record(std::string_view bytes) {
  Reader in(bytes);
  StoredRecord stored;
  Record& record = stored.record;
  if (in.number<std::uint8_t>() != kForm) return std::nullopt;
  const auto state = in.number<std::uint8_t>();
  if (state >= kRecordStates.size()) return std::nullopt;
  record.state = static_cast<RecordState>(state);
  const auto flags = in.number<std::uint8_t>();
  record.promised = (flags & kPromised) != 0;
  record.doubtful = (flags & kDoubtful) != 0;
  for (std::uint32_t* count :
       {&record.generation, &record.attempt, &record.probes, &record.negatives}) {
    *count = in.number<std::uint32_t>();
  }
  record.epoch = in.number<std::uint64_t>();
  for (std::int64_t* time :
       {&record.first_sent_ms, &record.lost_ms, &record.expires_ms, &stored.remember_ms}) {
    *time = in.time();
  }
  const auto kind = in.number<std::uint8_t>();
  if (kind > static_cast<std::uint8_t>(FingerprintKind::kCanonical)) return std::nullopt;
  stored.fingerprint.kind = static_cast<FingerprintKind>(kind);
  const std::string_view hash = in.bytes(stored.fingerprint.sha256.size());
  if (!in.good()) return std::nullopt;
  std::memcpy(stored.fingerprint.sha256.data(), hash.data(), hash.size());
  stored.request_id = in.text();
  if ((flags & kAnswered) != 0) {
    stored.answer = read_answer(in);
    stored.answer->kept = (flags & kKept) != 0;
  }
  if (!in.done()) return std::nullopt;
  return stored;
}

std::string record_name(std::string_view key) {
  return std::string("i/").append(key);
}

std::string in_flight_name(std::string_view key) {
  return std::string(kInFlightPrefix).append(key);
}

std::string expiry_name(std::int64_t expires_ms, std::string_view key) {
  std::string name(kExpiryPrefix);
  put(name, static_cast<std::uint64_t>(expires_ms));
  return name.append(key);
}

std::string chunk_name(std::string_view blob, std::uint32_t number) {
  std::string name = chunks_prefix(blob);
  put(name, number);
  return name;
}

std::string chunks_prefix(std::string_view blob) {
  return std::string("b/").append(blob);
}

std::string garbage_name(std::string_view blob) {
  return std::string(kGarbagePrefix).append(blob);
}

}  // namespace outrigger::filters

#include "tests/unit/filters/idempotency_books.h"

#include <iterator>
#include <set>
#include <string_view>

#include <fmt/format.h>

namespace outrigger::filters {
namespace {

// Keys of tests begin with a word.
std::string shown(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes.substr(0, 8)) {
    if (byte == '.') break;
    if (byte > ' ' && byte <= '~') {
      text += byte;
    } else {
      fmt::format_to(std::back_inserter(text), "{:02x}", static_cast<unsigned char>(byte));
    }
  }
  return text;
}

class Keeper {
 public:
  explicit Keeper(const store::Store& store) {
    const Status scanned = store.scan("", [&](std::string_view name, std::string_view value) {
      all_.emplace(name, value);
      return true;
    });
    if (!scanned) say("the store cannot be read: " + std::string(scanned.error().detail));
  }

  Books keep() {
    each("i/", [&](const std::string& key, const std::string& value) { record(key, value); });
    each("f/", [&](const std::string& key, const std::string& blob) { mark(key, blob); });
    each("g/", [&](const std::string& blob, const std::string&) { at_work_.insert(blob); });
    each("x/", [&](const std::string& rest, const std::string&) { expiry(rest); });
    each("b/", [&](const std::string& rest, const std::string& bytes) { chunk(rest, bytes); });
    for (const auto& [key, stored] : books_.by_key) answer(key, stored);
    orphans();
    const std::string counts = fmt::format("{} {}", books_.records, books_.bytes);
    const auto kept = all_.find("m/counts");
    const std::string said = kept == all_.end() ? "0 0" : kept->second;
    if (said != counts) say(fmt::format("the counts say {}, there are {}", said, counts));
    return std::move(books_);
  }

 private:
  template <class Take>
  void each(const std::string& prefix, Take take) {
    for (auto at = all_.lower_bound(prefix); at != all_.end() && at->first.starts_with(prefix);
         ++at) {
      take(at->first.substr(prefix.size()), at->second);
    }
  }
  void say(std::string what) { books_.wrong.push_back(std::move(what)); }

  void record(const std::string& key, const std::string& value) {
    auto stored = read_record(value);
    if (!stored) return say("record " + shown(key) + " cannot be read");
    ++books_.records;
    if (stored->answer && stored->answer->kept) {
      books_.bytes += static_cast<std::int64_t>(stored->answer->length);
    }
    const std::int64_t expires = stored->record.expires_ms;
    if (expires != 0) {
      const std::string name = expiry_name(expires, key);
      if (!all_.contains(name)) say("nothing expires record " + shown(key));
      if (name < swept()) say("record " + shown(key) + " is never swept");
    }
    books_.by_key.emplace(key, std::move(*stored));
  }

  void mark(const std::string& key, const std::string& blob) {
    ++books_.in_flight;
    at_work_.insert(blob);
    const auto stored = books_.by_key.find(key);
    if (stored != books_.by_key.end() && !is_in_flight(stored->second.record.state)) {
      say(fmt::format("record {} is {}, and marked as in flight", shown(key),
                      to_string(stored->second.record.state)));
    }
  }

  // One that leads nowhere goes when it is swept.
  void expiry(const std::string& rest) {
    const std::string key = rest.substr(sizeof(std::int64_t));
    const std::string name = std::string(kExpiryPrefix) + rest;
    const auto stored = books_.by_key.find(key);
    const bool right =
        stored != books_.by_key.end() && expiry_name(stored->second.record.expires_ms, key) == name;
    if (!right && name < swept()) say("an expiry of record " + shown(key) + " is left over");
  }

  void chunk(const std::string& rest, const std::string& bytes) {
    ++books_.chunks;
    chunks_[rest.substr(0, rest.size() - sizeof(std::uint32_t))] += bytes.size();
    numbers_.insert(std::string("b/") + rest);
  }

  void answer(const std::string& key, const StoredRecord& stored) {
    if (!stored.answer || stored.answer->blob.empty()) return;
    const StoredAnswer& answer = *stored.answer;
    for (std::uint32_t i = 0; i < answer.chunks(); ++i) {
      if (!all_.contains(chunk_name(answer.blob, i))) {
        say(fmt::format("part {} of {} of the answer of {} is missing", i, answer.chunks(),
                        shown(key)));
      }
      numbers_.erase(chunk_name(answer.blob, i));
    }
    if (chunks_[answer.blob] != answer.length) {
      say(fmt::format("the answer of {} has {} bytes of {}", shown(key), chunks_[answer.blob],
                      answer.length));
    }
  }

  // Parts that no record and no mark names.
  void orphans() {
    std::size_t left = 0;
    for (const std::string& name : numbers_) {
      left += at_work_.contains(name.substr(2, name.size() - 2 - sizeof(std::uint32_t))) ? 0 : 1;
    }
    if (left > 0) say(fmt::format("{} parts of answers belong to nobody", left));
  }

  [[nodiscard]] std::string swept() const {
    const auto kept = all_.find("m/swept");
    return kept == all_.end() ? std::string() : kept->second;
  }

  std::map<std::string, std::string> all_;
  std::map<std::string, std::size_t> chunks_;  // bytes by name
  std::set<std::string> numbers_;              // of parts that no record has claimed
  std::set<std::string> at_work_;              // names that a mark has
  Books books_;
};

}  // namespace

Books keep_books(const store::Store& store) {
  return Keeper(store).keep();
}

std::string to_string(const std::vector<std::string>& wrong) {
  std::string text;
  for (const std::string& each : wrong) text += each + "\n";
  return text;
}

}  // namespace outrigger::filters

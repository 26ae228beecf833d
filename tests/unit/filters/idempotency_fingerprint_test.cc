#include "filters/idempotency/fingerprint.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "filters/json/canonical_json.h"
#include "filters/sign/sigv4.h"
#include "proxy/base/json_checker.h"
#include "proxy/base/random.h"

namespace outrigger::filters {
namespace {

std::string canonical(std::string_view text, const std::vector<std::string>& exclude = {}) {
  return canonical_json(text, exclude).value_or("nothing");
}

TEST(CanonicalJson, HasOneTextForAllWaysOfWritingTheSame) {
  struct Row {
    std::string_view text, wanted;
  };
  constexpr Row kRows[] = {
      {R"({"b":2,"a":1})", R"({"a":1,"b":2})"},
      {"\t{ \"b\" : [ 1 , { \"d\" : 4 , \"c\" : 3 } ] ,\r\n\"a\" : { } , \"e\":[ ] } ",
       R"({"a":{},"b":[1,{"c":3,"d":4}],"e":[]})"},
      {R"([{"z":{"y":1,"x":2},"a":{"c":1,"b":2}}])", R"([{"a":{"b":2,"c":1},"z":{"x":2,"y":1}}])"},
      // by decoded names, in the order of bytes
      {R"({"\u0062":1,"a":2})", R"({"a":2,"b":1})"},
      {R"({"aa":1,"a":2,"":3,"B":4})", R"({"":3,"B":4,"a":2,"aa":1})"},
      {"{\"\xc3\xa9\":1,\"z\":2}", "{\"z\":2,\"\xc3\xa9\":1}"},
      // strings by what they say
      {R"("\u0041\/\u005c\u0022\t\u001f\b\u007f")", "\"A/\\\\\\\"\\u0009\\u001f\\u0008\x7f\""},
      {R"("\u00e9\u20ac\ud83d\ude00")", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
      {R"({"a":"\u0000"})", R"({"a":"\u0000"})"},
      // numbers as they are written
      {"[1.0,1,1e0,-0,0,9007199254740993]", "[1.0,1,1e0,-0,0,9007199254740993]"},
      {" true ", "true"},
      {"null", "null"},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(canonical(row.text), row.wanted) << row.text;
    EXPECT_EQ(canonical(row.wanted), row.wanted) << "it is its own";
    EXPECT_TRUE(is_json(row.wanted));
  }
}

TEST(CanonicalJson, HasNoTextForWhatTwoReadersMayTakeForTwoThings) {
  const std::string_view texts[] = {
      R"({"a":1,"a":1})",
      R"({"a":1,"b":2,"\u0061":1})",
      R"([{"x":{"b":1,"a":1,"b":1}}])",
      R"("\ud800")",
      R"("\udc00\ud800")",
      R"("\ud800\ud800\udc00")",
      R"("\ud800\n")",
      R"({"\udfff":1})",
      R"({"a":1)",
      R"({"a":1}x)",
      R"({"a":1,})",
      "[01]",
      "[1.]",
      "'a'",
      "",
      "\xef\xbb\xbf{}",
      "\"\xff\"",
      "\"\xed\xa0\x80\"",  // a surrogate in UTF-8
      "\"a\nb\"",
  };
  for (const std::string_view text : texts) EXPECT_EQ(canonical(text), "nothing") << text;
}

TEST(CanonicalJson, GoesDownSoManyLevelsAndNoFurther) {
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  EXPECT_EQ(canonical(nested(kMostCanonicalLevels)), nested(kMostCanonicalLevels));
  EXPECT_EQ(canonical(nested(kMostCanonicalLevels + 1)), "nothing");
  EXPECT_EQ(canonical("{\"a\":" + nested(kMostCanonicalLevels) + "}"), "nothing");
  EXPECT_EQ(canonical(std::string(1'000'000, '[')), "nothing");
}

TEST(CanonicalJson, LeavesOutWhatIsOfNoAccount) {
  struct Row {
    std::string_view text;
    std::vector<std::string> exclude;
    std::string_view wanted;
  };
  const Row rows[] = {
      {R"({"b":1,"sent_at":2,"a":3})", {"/sent_at"}, R"({"a":3,"b":1})"},
      {R"({"\u0073ent_at":2})", {"/sent_at"}, "{}"},
      {R"({"sent_at":2,"a":{"sent_at":3}})", {"/sent_at"}, R"({"a":{"sent_at":3}})"},
      {R"({"a":{"t":1,"u":2},"t":3})", {"/a/t"}, R"({"a":{"u":2},"t":3})"},
      {R"({"a":[{"t":1},{"t":2}]})", {"/a/1/t"}, R"({"a":[{"t":1},{}]})"},
      {R"([1,2,3])", {"/0", "/2"}, "[2]"},
      {R"([1,2,3])", {"/00", "/-", "/3"}, "[1,2,3]"},
      {R"({"a/b":1,"c~d":2,"a":{"b":3}})", {"/a~1b", "/c~0d"}, R"({"a":{"b":3}})"},
      {R"({"":1,"a":{"":2}})", {"/"}, R"({"a":{"":2}})"},
      {R"({"t":{"x":1,"x":2}})", {"/t"}, "{}"},
      {R"({"t":1,)", {"/t"}, "nothing"},
      {R"({"t":1})", {"/t/u", "/tt"}, R"({"t":1})"},
  };
  for (const Row& row : rows) EXPECT_EQ(canonical(row.text, row.exclude), row.wanted) << row.text;
}

TEST(CanonicalJson, TakesAnyBytesAndIsItsOwnCanonicalForm) {
  Random random(15);
  constexpr std::string_view kParts[] = {
      "{",         "}",  "[", "]",    ",",       ":",  "\"a\"", "\"b\":", "\"\\u0061\"",
      "\"\\ud800", "\"", "1", "-1.0", "{\"c\":", "[]", "{}",    " ",      "\xff"};
  int made = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string text;
    for (std::uint64_t n = random.below(9); n > 0; --n) {
      text += kParts[random.below(std::size(kParts))];
    }
    const auto form = canonical_json(text, {});
    if (!form) continue;
    ++made;
    EXPECT_TRUE(is_json(text)) << text;
    EXPECT_EQ(canonical(*form), *form) << text;
  }
  EXPECT_GT(made, 1000);
}

http::RequestHead post(std::string_view target) {
  http::RequestHead head;
  head.method = http::Method::kPost;
  head.method_text = "POST";
  head.target = target;
  return head;
}
Fingerprint by(config::FingerprintOf of, std::string_view body) {
  const http::RequestHead head = post("/v1");
  const auto canonical = of == config::FingerprintOf::kJson
                             ? fingerprint_as(FingerprintKind::kCanonical, head, body, {})
                             : std::nullopt;
  return canonical ? *canonical : *fingerprint_as(FingerprintKind::kRaw, head, body, {});
}
Fingerprint by_bytes(std::string_view body) {
  return by(config::FingerprintOf::kBytes, body);
}
Fingerprint by_json(std::string_view body) {
  return by(config::FingerprintOf::kJson, body);
}

TEST(Fingerprint, OfJsonIsOfWhatItSays) {
  struct Row {
    std::string_view one, other;
    bool same;
  };
  constexpr Row kRows[] = {
      {R"({"a":1,"b":2})", R"({"b":2,"a":1})", true},
      {R"({"a":1,"b":2})", R"({ "a": 1, "b": 2 })", true},
      {R"("\u0041")", R"("A")", true},
      {R"({"n":9007199254740992})", R"({"n":9007199254740993})", false},
      {"[1.0]", "[1]", false},
      {"[1,2]", "[2,1]", false},
      {R"({"a":"1"})", R"({"a":1})", false},
      {R"({"a":1})", R"({"a":1,"b":null})", false},
      // no canonical form: by their bytes
      {R"({"a":1,"a":2})", R"({"a":2,"a":1})", false},
      {R"("\ud800")", R"("\ud801")", false},
      {"a=1", "a=1", true},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(by_json(row.one) == by_json(row.other), row.same) << row.one << " " << row.other;
    EXPECT_EQ(by_bytes(row.one) == by_bytes(row.other), row.one == row.other) << row.one;
  }
}

TEST(Fingerprint, SaysHowItWasMade) {
  EXPECT_EQ(by_bytes("{}").kind, FingerprintKind::kRaw);
  EXPECT_EQ(by_json("{}").kind, FingerprintKind::kCanonical);
  EXPECT_EQ(by_json("{").kind, FingerprintKind::kRaw);
  EXPECT_NE(by_json("{}").sha256, by_bytes("{}").sha256);
  EXPECT_EQ(by_json("{"), by_bytes("{"));
}

// Another configuration must not make every repetition a different request.
TEST(Fingerprint, IsComparedByTheKindOfTheRecord) {
  const http::RequestHead head = post("/v1");
  EXPECT_EQ(fingerprint_as(FingerprintKind::kRaw, head, "{}", {}), by_bytes("{}"));
  EXPECT_EQ(fingerprint_as(FingerprintKind::kCanonical, head, " {}", {}), by_json("{}"));
  EXPECT_EQ(fingerprint_as(FingerprintKind::kCanonical, head, "{", {}), std::nullopt);
}

TEST(Fingerprint, LeavesTheCredentialInTheQueryOut) {
  struct Row {
    std::string_view target, kept;
  };
  constexpr Row kRows[] = {
      {"/v1/models/m:generateContent?key=AIza", "/v1/models/m:generateContent"},
      {"/p?key=x&a=1", "/p?a=1"},
      {"/p?a=1&key=x", "/p?a=1"},
      {"/p?a=1&key=x&b=2&key=y", "/p?a=1&b=2"},
      {"/p?%6bey=x", "/p"},
      {"/p?%6B%65%79=x", "/p"},
      {"/p?k%65y", "/p"},
      {"/p?key", "/p"},
      // another name
      {"/p?keys=x", "/p?keys=x"},
      {"/p?apikey=x", "/p?apikey=x"},
      {"/p?Key=x", "/p?Key=x"},
      {"/p?k%6=x&ke=y&%256bey=z", "/p?k%6=x&ke=y&%256bey=z"},
      {"/p?a=key=x", "/p?a=key=x"},
      {"/p?ke%", "/p?ke%"},
      {"/key=x", "/key=x"},
      // the rest is as it came
      {"/p?", "/p?"},
      {"/p?a=1&&b=%32", "/p?a=1&&b=%32"},
      {"/p?a=?key=1", "/p?a=?key=1"},
      {"*", "*"},
      {"", ""},
  };
  for (const Row& row : kRows) EXPECT_EQ(fingerprinted_target(row.target), row.kept) << row.target;
}

TEST(Fingerprint, NoPartRunsIntoTheNext) {
  std::set<std::string> seen;
  const std::string_view parts[][3] = {{"POST", "/a", "b"}, {"POST", "/ab", ""},
                                       {"POST", "/", "ab"}, {"POST/", "a", "b"},
                                       {"PUT", "/a", "b"},  {"", "POST/ab", ""}};
  for (const auto& [method, target, body] : parts) {
    RawFingerprint raw(method, target);
    raw.add(body);
    seen.insert(to_hex(text_of(raw.finish().sha256)));
  }
  EXPECT_EQ(seen.size(), std::size(parts));
}

TEST(Fingerprint, IsTheSameInWhateverPiecesTheBodyComes) {
  constexpr std::string_view kBody = R"({"amount":100,"to":"acct"})";
  const Fingerprint whole = by_bytes(kBody);
  for (std::size_t cut = 0; cut <= kBody.size(); ++cut) {
    RawFingerprint pieces("POST", "/v1");
    pieces.add(kBody.substr(0, cut));
    pieces.add(kBody.substr(cut));
    EXPECT_EQ(pieces.finish(), whole) << cut;
  }
}

// It is on disks: another one makes every repetition of an older request a different one.
TEST(Fingerprint, StaysWhatItIs) {
  EXPECT_EQ(to_hex(text_of(by_bytes(R"({"b":2,"a":1})").sha256)),
            "58c16ff24cfe817bbdbc93e317a72e0446254bfea2104c0a04ed18a100671016");
  EXPECT_EQ(to_hex(text_of(by_json(R"({"b":2,"a":1})").sha256)),
            "91b25712287239cbf47a39da81f668b550cfaf98dca46309d344ffcb6d3d686a");
}

}  // namespace
}  // namespace outrigger::filters

#include "proxy/admin/router.h"

#include "proxy/admin/answers.h"
#include "tests/unit/proxy/admin_request.h"

namespace outrigger::admin {
namespace {

using http::Method;

Handler says(std::string name) {
  return [name](const Call& call) {
    std::string text = "\"" + name;
    for (const std::string& part : call.parts) text += " " + part;
    return json_answer(text + "\"");
  };
}

const Router& router() {
  static const Router table({
      {Method::kGet, "/livez", {"verbose"}, says("livez")},
      {Method::kGet, "/api/v1/jobs", {"filter", "cursor"}, says("list")},
      {Method::kPost, "/api/v1/jobs", {"dry_run"}, says("begin")},
      {Method::kGet, "/api/v1/jobs/plan", {}, says("plan")},
      {Method::kGet, "/api/v1/jobs/{id}", {}, says("show")},
      {Method::kPatch, "/api/v1/jobs/{id}", {}, says("change")},
      {Method::kDelete, "/api/v1/jobs/{id}", {}, says("drop")},
      {Method::kPost, "/api/v1/jobs/{id}/items/{item}", {}, says("item")},
  });
  return table;
}

// What the handler says, or the code of the refusal.
std::string ask(std::string_view line, std::string_view type = "application/json") {
  const http::RequestHead asked =
      type.empty() ? head(line, {"Host: x"})
                   : head(line, {"Host: x", "Content-Type: " + std::string(type)});
  auto found = router().find(asked);
  if (!found) return code_of(found.error());
  const Call call{asked, std::move(found->parts), std::move(found->query), {}, {}};
  const std::string body = body_of(found->route.handle(call));
  return body.substr(1, body.size() - 3);
}

TEST(AdminRouter, FindsByMethodAndPath) {
  EXPECT_EQ(ask("GET /livez"), "livez");
  EXPECT_EQ(ask("HEAD /livez"), "livez");
  EXPECT_EQ(ask("GET /livez?verbose"), "livez");
  EXPECT_EQ(ask("GET /api/v1/jobs"), "list");
  EXPECT_EQ(ask("POST /api/v1/jobs"), "begin");
  EXPECT_EQ(ask("GET /api/v1/jobs/plan"), "plan") << "the first that fits";
  EXPECT_EQ(ask("GET /api/v1/jobs/7"), "show 7");
  EXPECT_EQ(ask("PATCH /api/v1/jobs/7"), "change 7");
  EXPECT_EQ(ask("POST /api/v1/jobs/a%2Fb/items/c%20d"), "item a/b c d");
}

TEST(AdminRouter, OtherPathsAreUnknown) {
  for (const std::string path : {"/", "/livez/", "//livez", "/LIVEZ", "/livez%2f", "/api",
                                 "/api/v1/jobs/", "/api/v1/jobs//items/x", "/api/v1/jobs/7/items",
                                 "/api/v1/jobs/7/items/1/more", "/api/v1/jobsx"}) {
    EXPECT_EQ(ask("GET " + path), "admin_unknown_path") << path;
    EXPECT_EQ(ask("POST " + path), "admin_unknown_path") << path;
  }
  EXPECT_EQ(ask("OPTIONS *"), "admin_unknown_path");
}

TEST(AdminRouter, OtherMethodsAreToldWhichThereAre) {
  struct Row {
    std::string_view line, allow;
  };
  const Row rows[] = {
      {"POST /livez", "GET, HEAD"},
      {"OPTIONS /api/v1/jobs", "GET, HEAD, POST"},
      {"PUT /api/v1/jobs/7", "GET, HEAD, PATCH, DELETE"},
      {"GET /api/v1/jobs/7/items/1", "POST"},
      {"BREW /livez", "GET, HEAD"},
  };
  for (const Row& row : rows) {
    const auto found = router().find(head(row.line, {"Host: x"}));
    ASSERT_FALSE(found) << row.line;
    EXPECT_EQ(found.error().head.status, 405) << row.line;
    EXPECT_EQ(code_of(found.error()), "admin_method_not_allowed") << row.line;
    EXPECT_EQ(field_of(found.error(), "Allow"), row.allow) << row.line;
  }
}

// What a form or a script of another page can send without a preflight (Fetch 3.2.2).
TEST(AdminRouter, AChangeMustBeSentAsJson) {
  for (const std::string_view type :
       {"application/json", "Application/JSON", "application/json; charset=utf-8",
        "application/json ;charset=utf-8"}) {
    EXPECT_EQ(ask("POST /api/v1/jobs", type), "begin") << type;
  }
  for (const std::string_view type :
       {"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
        "application/jsonp", "text/plain; application/json", "application/problem+json"}) {
    EXPECT_EQ(ask("POST /api/v1/jobs", type), "admin_media_type") << type;
    EXPECT_EQ(ask("DELETE /api/v1/jobs/7", type), "admin_media_type") << type;
    EXPECT_EQ(ask("GET /api/v1/jobs", type), "list") << type;
  }
  http::RequestHead twice =
      head("POST /api/v1/jobs", {"Host: x", "Content-Type: application/json"});
  twice.headers.add("Content-Type", "text/plain");
  EXPECT_FALSE(router().find(twice));
}

// A misspelt dry_run must not do what it was to prevent.
TEST(AdminRouter, ParametersThatMeanNothingHereAreRefused) {
  EXPECT_EQ(ask("POST /api/v1/jobs?dry_run=true"), "begin");
  EXPECT_EQ(ask("POST /api/v1/jobs?"), "begin");
  EXPECT_EQ(ask("GET /api/v1/jobs?filter=a&cursor=b"), "list");
  for (const std::string target :
       {"/api/v1/jobs?dryrun=true", "/api/v1/jobs?Dry_run=true", "/api/v1/jobs?dry_run=true&x=1",
        "/api/v1/jobs?=true", "/api/v1/jobs?dry_run=false&dry_run=true",
        "/api/v1/jobs?dry_run=true&dry%5Frun=false"}) {
    EXPECT_EQ(ask("POST " + target), "admin_bad_request") << target;
  }
}

TEST(AdminQuery, IsDecodedAndKnowsWhatIsNotThere) {
  const Query query("/x?filter=a%3Ab+c&empty=&flag&last=%zz");
  EXPECT_EQ(query.get("filter"), "a:b c");
  EXPECT_EQ(query.get("empty"), "");
  EXPECT_EQ(query.get("flag"), "");
  EXPECT_EQ(query.get("last"), "%zz");
  EXPECT_EQ(query.get("x"), std::nullopt);
  EXPECT_EQ(Query("/x").get("x"), std::nullopt);
  EXPECT_EQ(Query("/x?a=1?b").get("a"), "1?b");
}

}  // namespace
}  // namespace outrigger::admin

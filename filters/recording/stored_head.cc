#include "filters/recording/stored_head.h"

#include <utility>

namespace outrigger::filters {

StoredHead stored_head(const http::Response& response) {
  StoredHead head{.status = response.head.status, .fields = {}, .length = response.body.length()};
  for (const http::Field& field : response.head.headers) {
    head.fields.push_back({std::string(field.name), std::string(field.value)});
  }
  return head;
}

http::ResponseHead response_head(const StoredHead& stored) {
  http::ResponseHead head;
  head.status = stored.status;
  for (const StoredField& field : stored.fields) head.headers.add(field.name, field.value);
  return head;
}

http::Response response_of(const StoredHead& stored, std::unique_ptr<http::BodySource> body) {
  http::Response response;
  response.head = response_head(stored);
  response.body = http::Body(std::move(body), stored.length);
  return response;
}

}  // namespace outrigger::filters

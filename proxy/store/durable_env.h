// LevelDB's files, made to outlive a power cut: a new file is worth nothing while its name is not
// on disk, and LevelDB syncs a folder only for its MANIFEST (durability 1.7). Any thread.
#pragma once

#include <string>

#include <leveldb/env.h>

namespace outrigger::store {

class DurableEnv : public leveldb::EnvWrapper {
 public:
  // `below` outlives this: the system's, or one that tests make fail.
  explicit DurableEnv(leveldb::Env* below) : leveldb::EnvWrapper(below) {}

  leveldb::Status NewWritableFile(const std::string& name, leveldb::WritableFile** file) override;
  leveldb::Status NewAppendableFile(const std::string& name, leveldb::WritableFile** file) override;
  leveldb::Status RenameFile(const std::string& from, const std::string& to) override;

 protected:
  // Makes the names in the folder durable.
  virtual leveldb::Status sync_folder(const std::string& folder);
};

}  // namespace outrigger::store

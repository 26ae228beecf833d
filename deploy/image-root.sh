#!/usr/bin/env bash
# Collects the root of the container image: the binary, the shared libraries it names, the
# certificate authorities, and uid 14170. No shell, no package manager, nothing else.
# deploy/image-root.sh BINARY FOLDER
set -euo pipefail
binary=$1 root=$2

install -d -m 755 "$root"/{etc/outrigger,etc/ssl/certs,usr/bin,usr/lib/ssl,var/lib}
install -d -m 1777 "$root/tmp"
install -m 755 "$binary" "$root/usr/bin/outrigger"

# Libraries, and the loader itself, at the paths the binary asks for; symbolic links are followed.
ldd "$binary" | awk '$2 == "=>" {print $3} $1 ~ /^\// {print $1}' | while read -r library; do
  install -D -m 755 "$library" "$root$library"
done

# OpenSSL of Debian looks in /usr/lib/ssl; one bundle is enough.
install -m 644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
install -m 644 /etc/ssl/openssl.cnf "$root/usr/lib/ssl/openssl.cnf"
ln -sfn /etc/ssl/certs/ca-certificates.crt "$root/usr/lib/ssl/cert.pem"
ln -sfn /etc/ssl/certs "$root/usr/lib/ssl/certs"

echo 'outrigger:x:14170:14170:outrigger:/var/lib/outrigger:/nonexistent' >"$root/etc/passwd"
echo 'outrigger:x:14170:' >"$root/etc/group"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
install -d -m 700 "$root/var/lib/outrigger"
[[ $(id -u) -ne 0 ]] || chown 14170:14170 "$root/var/lib/outrigger"

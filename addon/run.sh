#!/bin/sh
# Gives the data folder to the app's own user, then becomes the app, so that it gets the stop signal itself.
set -eu
chown -R evshare:evshare /data

# Keys in /ssl are for root only. The two files the options name are kept where the app's own user may read them, in
# memory; the app takes up what changed by itself.
export EVSHARE_TLS_DIR=/tmp/tls
named() { sed -n "s/.*\"$1\": *\"\([A-Za-z0-9._-]*\)\".*/\1/p" /data/options.json; }
copy_certificate() {
  for option in portal_certificate portal_key; do
    name=$(named "$option")
    if [ -f "/ssl/$name" ] && ! cmp -s "/ssl/$name" "/tmp/tls/$name"; then
      install -o evshare -g evshare -m 0400 "/ssl/$name" "/tmp/tls/$name.new"
      mv "/tmp/tls/$name.new" "/tmp/tls/$name"
    fi
  done
}
if [ -f /data/options.json ] && [ -n "$(named portal_certificate)" ]; then
  mkdir -p -m 0755 /tmp/tls
  copy_certificate || true
  while sleep 60; do copy_certificate || true; done &
fi

exec su-exec evshare python -m evshare_app

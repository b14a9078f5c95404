#!/bin/sh
# Gives the data folder to the app's own user, then becomes the app, so that it gets the stop signal itself.
set -eu
chown -R evshare:evshare /data
exec su-exec evshare python -m evshare_app

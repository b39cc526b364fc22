/* SPDX-License-Identifier: Apache-2.0 */
/*
 * import_prommgr: the list that prommgr answers at /api/servers, as a portable
 * document: each server is a node. Those that were deleted there are left out.
 * https://github.com/vpetersson/prommgr
 */
#pragma once

#include "base/buf.h"
#include "registry/model/portable.h"

/* @shard: that scrapes them; NULL: the default one. 0; -EINVAL with words;
 * -ENOMEM, -E2BIG. */
int import_prommgr(struct portable *portable, struct slice text,
                   const char *shard, struct err *err) MUST_CHECK;

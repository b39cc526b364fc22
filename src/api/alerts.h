/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts: who may post alerts, as the section `alerts` says it. All that is
 * given must agree: the address, the token or the user, the signature.
 */
#pragma once

#include "base/err.h"
#include "base/macros.h"

struct alerts_access;
struct config_alerts;

/* Reads the files; blocks. 0 with *accessp set, or a negative code with words
 * that name the key. */
int alerts_access_new(const struct config_alerts *config,
                      struct alerts_access **accessp,
                      struct err *err) MUST_CHECK;
void alerts_access_free(struct alerts_access *access); /* NULL is fine */

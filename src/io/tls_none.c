/* SPDX-License-Identifier: Apache-2.0 */
/* tls: where there is no mbedTLS. No context, so no session either: the rest
 * is here to be linked, never to be called. */
#include "io/tls.h"

#include <stdlib.h>
#include <uv.h>

int tls_context_new(struct tls_context **contextp,
                    const struct tls_options *options, struct err *err)
{
	*contextp = NULL;
	return err_set(err, UV_ENOTSUP,
	               "TLS is not built into this program: use http://");
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
	return context;
}

void tls_context_unref(struct tls_context *context)
{
}

bool tls_context_serves(const struct tls_context *context,
                        const struct tls_options *options)
{
	return false;
}

int tls_new(struct tls **tlsp, struct tls_context *context, struct slice host,
            struct err *err)
{
	*tlsp = NULL;
	return err_set(err, UV_ENOTSUP, "TLS is not built in");
}

void tls_free(struct tls *tls)
{
}

void tls_feed(struct tls *tls, struct slice bytes)
{
	abort();
}

int tls_handshake(struct tls *tls, struct err *err)
{
	abort();
}

int tls_read(struct tls *tls, char *plain, size_t size, size_t *np,
             struct err *err)
{
	abort();
}

bool tls_is_pending(const struct tls *tls)
{
	abort();
}

int tls_write(struct tls *tls, struct slice plain, size_t *np, struct err *err)
{
	abort();
}

void tls_shut_down(struct tls *tls)
{
	abort();
}

struct slice tls_output(struct tls *tls)
{
	abort();
}

void tls_sent(struct tls *tls)
{
	abort();
}

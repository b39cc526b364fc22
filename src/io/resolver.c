/* SPDX-License-Identifier: Apache-2.0 */
#include "io/resolver.h"

#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "proto/url.h"

struct resolver_lookup {
	uv_getaddrinfo_t uv;
	struct resolver_request *request; /* NULL: disowned */
	uint16_t port;
};

static int host_copy(struct slice host, char *out)
{
	if (host.n == 0 || host.n > URL_MAX_HOST)
		return -ENAMETOOLONG;
	memcpy(out, host.p, host.n);
	out[host.n] = '\0';
	return 0;
}

static void list_add(struct address_list *list, const union address *address)
{
	if (list->n < RESOLVER_MAX_ADDRESSES)
		list->addresses[list->n++] = *address;
}

static bool add_literal(struct address_list *list, const char *host,
                        uint16_t port)
{
	union address address;

	memset(&address, 0, sizeof(address));
	if (uv_ip4_addr(host, port, &address.in) < 0 &&
	    uv_ip6_addr(host, port, &address.in6) < 0)
		return false;
	list_add(list, &address);
	return true;
}

bool resolver_literal(struct slice host, uint16_t port,
                      struct address_list *list)
{
	char text[URL_MAX_HOST + 1];

	list->n = 0;
	if (host_copy(host, text) < 0)
		return false;
	if (slice_is_nocase(host, "localhost"))
		return add_literal(list, "127.0.0.1", port) &&
		       add_literal(list, "::1", port);
	return add_literal(list, text, port);
}

static void take_addresses(struct resolver_lookup *lookup,
                           struct resolver_request *request,
                           const struct addrinfo *found)
{
	for (; found; found = found->ai_next) {
		union address address;

		if (found->ai_addrlen > sizeof(address))
			continue;
		memcpy(&address, found->ai_addr, found->ai_addrlen);
		if (found->ai_family == AF_INET)
			address.in.sin_port = htons(lookup->port);
		else if (found->ai_family == AF_INET6)
			address.in6.sin6_port = htons(lookup->port);
		else
			continue;
		list_add(&request->list, &address);
	}
	if (request->list.n == 0)
		request->status = UV_EAI_NONAME;
}

static void on_found(uv_getaddrinfo_t *uv, int status, struct addrinfo *found)
{
	struct resolver_lookup *lookup =
		container_of(uv, struct resolver_lookup, uv);
	struct resolver_request *request = lookup->request;

	if (request) {
		request->lookup = NULL;
		request->status = status;
		if (status == 0)
			take_addresses(lookup, request, found);
	}
	uv_freeaddrinfo(found);
	mem_free(lookup);
	if (request)
		request->done(request);
}

int resolver_start(uv_loop_t *loop, struct resolver_request *request,
                   struct slice host, uint16_t port, resolver_done_cb done)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct resolver_lookup *lookup;
	char text[URL_MAX_HOST + 1];
	int r = host_copy(host, text);

	*request = (struct resolver_request){ .done = done };
	if (r < 0)
		return r;
	lookup = mem_calloc(1, sizeof(*lookup));
	if (!lookup)
		return -ENOMEM;
	lookup->request = request;
	lookup->port = port;
	r = uv_getaddrinfo(loop, &lookup->uv, on_found, text, NULL, &hints);
	if (r < 0) {
		mem_free(lookup);
		return r;
	}
	request->lookup = lookup;
	return 0;
}

void resolver_cancel(struct resolver_request *request)
{
	struct resolver_lookup *lookup = request->lookup;

	if (!lookup)
		return;
	request->lookup = NULL;
	lookup->request = NULL;
	(void)uv_cancel((uv_req_t *)&lookup->uv); /* if it still waits */
}

const char *address_text(const union address *address, char *out)
{
	out[0] = '\0';
	if (address->any.sa_family == AF_INET)
		(void)uv_ip4_name(&address->in, out, ADDRESS_TEXT_MAX);
	else if (address->any.sa_family == AF_INET6)
		(void)uv_ip6_name(&address->in6, out, ADDRESS_TEXT_MAX);
	return out;
}

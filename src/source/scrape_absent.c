/* SPDX-License-Identifier: Apache-2.0 */
/* Until there is a reader of exporters: it cannot be made, and says so. */
#include <errno.h>
#include "source/scrape.h"

int scrape_new(const struct scrape_options *options,
               const struct samples_listener *listener, struct scrape **scrapep,
               struct err *err)
{
	(void)listener;
	(void)scrapep;
	return err_set(err, -EINVAL, "%s: exporters cannot be read yet",
	               options->url);
}

int scrape_subscribe(struct scrape *scrape, uint32_t subscription,
                     const struct scrape_query *query, struct err *err)
{
	(void)scrape;
	(void)subscription;
	(void)query;
	return err_set(err, -EINVAL, "exporters cannot be read yet");
}

void scrape_start(struct scrape *scrape)
{
	(void)scrape;
}

void scrape_check(struct scrape *scrape)
{
	(void)scrape;
}

struct source *scrape_source(struct scrape *scrape)
{
	(void)scrape;
	return NULL;
}

void scrape_close(struct scrape *scrape, scrape_closed_cb closed, void *context)
{
	(void)scrape;
	(void)closed;
	(void)context;
}

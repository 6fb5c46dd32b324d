-- Several accounts of one provider, each under a label of its own, one of them the primary.

-- Labels that differ in upper and lower case only are the same to people, so they are the same here.
create unique index org_integrations_label_folded on org_integrations (org_id, provider, lower(label));

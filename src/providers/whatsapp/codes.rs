//! The table of Meta's codes: what each means and what to do about it. No code that reads it.
//!
//! <https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes>; those below 1000 are
//! the Graph API's own.

/// Code, sentence, what to do, where.
pub(super) type Row = (u32, &'static str, &'static str, &'static str);

pub(super) const APPS: &str = "https://developers.facebook.com/apps/";
pub(super) const MANAGER: &str = "https://business.facebook.com/latest/whatsapp_manager/overview/";
pub(super) const NUMBERS: &str = "https://business.facebook.com/wa/manage/phone-numbers/";
pub(super) const SYSTEM_USERS: &str = "https://business.facebook.com/settings/system-users/";
const TEMPLATES: &str = "https://business.facebook.com/wa/manage/message-templates/";
const BILLING: &str = "https://business.facebook.com/billing_hub/accounts/";
pub(super) const STATUS: &str = "https://metastatus.com/whatsapp-business-api";
pub(super) const LIST: &str = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes";

/// Of a token that Meta rejects; the subcode tells why.
pub(super) const TOKEN_FIX: &str =
    "Make a new token of a system user in the Meta business settings, one that does not expire.";

/// Subcodes of code 190.
pub(super) const TOKEN_SUBCODES: &[(u32, &str)] = &[
    (458, "WhatsApp rejected the access token: the app was removed from the account that made it."),
    (459, "WhatsApp rejected the access token: who made it has to sign in at Meta and confirm who they are."),
    (460, "WhatsApp rejected the access token: the password of who made it was changed."),
    (463, "WhatsApp rejected the access token: it has expired."),
    (464, "WhatsApp rejected the access token: the account of who made it is not confirmed."),
    (467, "WhatsApp rejected the access token: it was revoked."),
    (492, "WhatsApp rejected the access token: who made it has lost their role at Meta."),
];

/// In ascending order of the code, as the search needs it.
pub(super) const TABLE: &[Row] = &[
    (0, "WhatsApp could not tell who is asking: the access token was not accepted.", TOKEN_FIX, SYSTEM_USERS),
    (1, "WhatsApp reports an unknown error of its own.", "Try again later.", STATUS),
    (2, "WhatsApp is out of service for a moment.", "Try again later.", STATUS),
    (
        3,
        "WhatsApp says that the app may not do this.",
        "Give the app the permissions whatsapp_business_messaging and whatsapp_business_management.",
        APPS,
    ),
    (
        4,
        "WhatsApp asks to slow down: the app has made too many calls.",
        "Wait a few minutes and try again.",
        APPS,
    ),
    (
        10,
        "WhatsApp says that the token lacks a permission, or lost it.",
        "Make a token with the permissions whatsapp_business_messaging and whatsapp_business_management.",
        SYSTEM_USERS,
    ),
    (
        33,
        "WhatsApp does not know this number: it was deleted, or the id is wrong.",
        "Copy the phone number ID again.",
        NUMBERS,
    ),
    (
        100,
        "WhatsApp says that a value of the request is not valid.",
        "Check the ids, and the recipient's number and the template where a message was sent.",
        LIST,
    ),
    (102, "WhatsApp rejected the access token: its session has ended.", TOKEN_FIX, SYSTEM_USERS),
    (104, "WhatsApp says that no access token came.", TOKEN_FIX, SYSTEM_USERS),
    (
        190,
        "WhatsApp rejected the access token: it has expired, was revoked, or is not whole.",
        TOKEN_FIX,
        SYSTEM_USERS,
    ),
    (
        200,
        "WhatsApp says that the token may not use this account.",
        "Assign the WhatsApp account to the system user, and make the token with the permissions whatsapp_business_messaging and whatsapp_business_management.",
        SYSTEM_USERS,
    ),
    (
        368,
        "WhatsApp has restricted this account for a breach of its policies.",
        "Open the WhatsApp manager and follow what it says about the account.",
        MANAGER,
    ),
    (803, "WhatsApp does not know this id.", "Copy the phone number ID and the account ID again.", NUMBERS),
    (
        80007,
        "WhatsApp asks to slow down: the business account has made too many calls.",
        "Wait a few minutes and try again.",
        MANAGER,
    ),
    (
        130429,
        "WhatsApp asks to slow down: too many messages at once. Nothing was sent.",
        "Wait a moment and try again.",
        LIST,
    ),
    (
        130472,
        "WhatsApp did not deliver the message: the recipient is part of an experiment of Meta.",
        "Reach this patient by another way, or wait until they write.",
        LIST,
    ),
    (
        130497,
        "WhatsApp does not let this account write to people in that country.",
        "Reach this patient by another way.",
        MANAGER,
    ),
    (
        131000,
        "WhatsApp could not send the message, for an unknown reason of its own.",
        "Try again later.",
        STATUS,
    ),
    (
        131005,
        "WhatsApp says that the token may not do this.",
        "Make a token with the permissions whatsapp_business_messaging and whatsapp_business_management.",
        SYSTEM_USERS,
    ),
    (
        131008,
        "WhatsApp says that the request lacks a value.",
        "If it was a template, check that each of its places is filled.",
        TEMPLATES,
    ),
    (
        131009,
        "WhatsApp says that a value of the message is not valid.",
        "Check the recipient's number, and the template where one was sent.",
        LIST,
    ),
    (131016, "WhatsApp is out of service for a moment.", "Try again later.", STATUS),
    (131021, "WhatsApp does not send from a number to itself.", "Choose another recipient.", LIST),
    (
        131026,
        "WhatsApp could not deliver the message: the number may not be on WhatsApp, or has an old version of it.",
        "Reach this patient by another way.",
        LIST,
    ),
    (
        131030,
        "WhatsApp sends from this test number to listed recipients only.",
        "Add the recipient to the list of the test number, or use a number of your own.",
        APPS,
    ),
    (
        131031,
        "WhatsApp has locked this account.",
        "Open the WhatsApp manager and follow what it says about the account.",
        MANAGER,
    ),
    (
        131037,
        "WhatsApp says that the number has no approved display name yet.",
        "Enter the display name in the WhatsApp manager and wait until Meta approves it.",
        NUMBERS,
    ),
    (
        131042,
        "WhatsApp did not send: there is a problem with how this account pays.",
        "Check the payment method of the business account.",
        BILLING,
    ),
    (
        131045,
        "WhatsApp says that the number is not registered correctly.",
        "Register the number again, with its PIN.",
        NUMBERS,
    ),
    (
        131047,
        "WhatsApp took no free text: the patient's last message is more than 24 hours old.",
        "Send an approved template instead.",
        TEMPLATES,
    ),
    (
        131048,
        "WhatsApp has limited this number: too many recipients blocked it or reported its messages.",
        "Look at the quality of the number in the WhatsApp manager, and write to fewer people.",
        NUMBERS,
    ),
    (
        131049,
        "WhatsApp did not deliver the message, to keep its users from too much marketing.",
        "Wait at least a day before you write to this patient again.",
        LIST,
    ),
    (
        131050,
        "The recipient has stopped marketing messages from this number.",
        "Send no more marketing to this patient.",
        LIST,
    ),
    (131051, "WhatsApp does not know this type of message.", "Ask who runs this service to report it.", LIST),
    (
        131052,
        "WhatsApp could not download a file that the patient sent.",
        "Ask the patient to send it again.",
        LIST,
    ),
    (
        131053,
        "WhatsApp could not take the file of the message.",
        "Check the kind and the size of the file.",
        LIST,
    ),
    (
        131056,
        "WhatsApp asks to slow down: too many messages to this recipient. Nothing was sent.",
        "Wait a minute and try again.",
        LIST,
    ),
    (131057, "WhatsApp is doing maintenance on this account.", "Try again in some minutes.", STATUS),
    (
        132000,
        "WhatsApp says that the number of texts does not fit the template.",
        "Fill each place of the template, and no more.",
        TEMPLATES,
    ),
    (
        132001,
        "WhatsApp knows no such approved template in this language.",
        "Check name and language of the template, and that it is approved.",
        TEMPLATES,
    ),
    (
        132005,
        "WhatsApp says that the template becomes too long when its places are filled.",
        "Shorten the texts.",
        TEMPLATES,
    ),
    (
        132007,
        "WhatsApp says that the template breaks its policies.",
        "Change the template and send it in again.",
        TEMPLATES,
    ),
    (
        132012,
        "WhatsApp says that a text has not the form that the template asks for.",
        "Check the places of the template.",
        TEMPLATES,
    ),
    (
        132015,
        "WhatsApp has paused this template: too many people disliked it.",
        "Change the template, or use another one.",
        TEMPLATES,
    ),
    (
        132016,
        "WhatsApp has switched this template off for good: it was paused too often.",
        "Make a new template.",
        TEMPLATES,
    ),
    (
        132068,
        "WhatsApp says that the flow of the template is blocked.",
        "Correct the flow in the WhatsApp manager.",
        MANAGER,
    ),
    (
        132069,
        "WhatsApp asks to slow down: the flow of the template was used too often within the hour.",
        "Wait an hour and try again.",
        MANAGER,
    ),
    (
        133000,
        "WhatsApp says that an earlier deregistration of the number is not complete.",
        "Deregister the number again, then register it.",
        NUMBERS,
    ),
    (133004, "WhatsApp's registration service is out of service for a moment.", "Try again later.", STATUS),
    (
        133005,
        "WhatsApp says that the PIN of the number is wrong.",
        "Reset the PIN in the WhatsApp manager.",
        NUMBERS,
    ),
    (
        133006,
        "WhatsApp says that the number has to be verified first.",
        "Verify the number by SMS or call in the WhatsApp manager.",
        NUMBERS,
    ),
    (
        133008,
        "WhatsApp refuses further guesses of the PIN for now.",
        "Wait as long as the WhatsApp manager says.",
        NUMBERS,
    ),
    (
        133009,
        "WhatsApp says that the PIN was entered too fast.",
        "Wait a moment and enter it again.",
        NUMBERS,
    ),
    (
        133010,
        "WhatsApp says that the number is not registered.",
        "Register the number with the Cloud API.",
        NUMBERS,
    ),
    (
        133015,
        "WhatsApp says that the number was deleted a moment ago.",
        "Wait five minutes, then register it again.",
        NUMBERS,
    ),
    (
        133016,
        "WhatsApp refuses to register the number again: too many tries.",
        "Wait three days and register it then.",
        NUMBERS,
    ),
    (
        135000,
        "WhatsApp could not send the message: it says only that something in it is wrong.",
        "Check the template, and ask Meta's support if it stays.",
        TEMPLATES,
    ),
];

/// Codes that ask to wait, whatever the status: Meta has sent them with 400 and with 429.
pub(super) const THROTTLED: &[u32] = &[4, 17, 32, 613, 80007, 130429, 131048, 131056, 132069, 133016];

/// Codes of an outage, whatever the status.
pub(super) const OUTAGE: &[u32] = &[1, 2, 131000, 131016, 131057, 133004];

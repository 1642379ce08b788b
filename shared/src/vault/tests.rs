use super::*;

const SECRET: &[u8] = b"a secret of thirty-two bytes ...";
const PLACE: Place = Place::Endpoint;

fn vault(keys: &[&MasterKey]) -> Vault {
    Vault::new(keys.iter().copied().cloned().collect())
}

fn sealed() -> (MasterKey, Uuid, Sealed) {
    let (key, owner) = (MasterKey::generate(), Uuid::now_v7());
    let sealed = vault(&[&key]).seal(PLACE, owner, SECRET);
    (key, owner, sealed)
}

#[test]
fn what_was_sealed_opens_and_holds_nothing_of_the_secret() {
    let (key, owner, sealed) = sealed();
    let vault = vault(&[&key]);
    assert_eq!(vault.open(PLACE, owner, &sealed).as_deref(), Ok(SECRET));
    assert!(!sealed.bytes().windows(8).any(|bytes| SECRET.windows(8).any(|secret| secret == bytes)));
    assert_ne!(vault.seal(PLACE, owner, SECRET), sealed, "each has a key of its own");
}

#[test]
fn a_sealed_secret_is_longer_than_any_that_is_stored_as_it_is_and_fits_its_column() {
    let (key, owner) = (MasterKey::generate(), Uuid::now_v7());
    for length in [0, 24, 32, 64, 391] {
        let sealed = vault(&[&key]).seal(PLACE, owner, &vec![7; length]);
        assert!((envelope::PLAIN_MAX + 1..=512).contains(&sealed.bytes().len()), "{length}");
        assert_eq!(vault(&[&key]).open(PLACE, owner, &sealed), Ok(vec![7; length]));
    }
}

#[test]
fn a_secret_from_before_passes_as_it_is() {
    let (key, owner) = (MasterKey::generate(), Uuid::now_v7());
    for length in [24, 32, 64, 65, 200] {
        // Whatever it begins with.
        for byte in [0, 1, 7] {
            let secret = vec![byte; length];
            let stored = Vault::default().seal(PLACE, owner, &secret);
            assert!(length > 64 || stored.bytes() == secret);
            assert_eq!(vault(&[&key]).open(PLACE, owner, &stored), Ok(secret));
        }
    }
}

#[test]
fn no_byte_of_a_sealed_secret_can_be_changed() {
    let (key, owner, sealed) = sealed();
    let vault = vault(&[&key]);
    for place in 0..sealed.bytes().len() {
        for bit in [0x01, 0x02, 0x80] {
            let mut changed = sealed.clone();
            changed.0[place] ^= bit;
            let opened = vault.open(PLACE, owner, &changed);
            match (place, bit) {
                // Without a version that says so, nothing tells a sealed secret from one that was stored as it is.
                (0, 0x01) => assert!(opened.is_ok_and(|opened| opened != SECRET)),
                (0, _) => assert_eq!(opened, Err(VaultError::UnknownForm)),
                (1..envelope::HEAD_LEN, _) => assert!(matches!(opened, Err(VaultError::MissingKey(_)))),
                _ => assert_eq!(opened, Err(VaultError::Altered), "byte {place}"),
            }
        }
    }
    for length in 65..sealed.bytes().len() {
        let cut = Sealed(sealed.bytes()[..length].to_vec());
        assert_eq!(vault.open(PLACE, owner, &cut), Err(VaultError::Altered), "{length}");
    }
}

#[test]
fn it_opens_nowhere_but_where_it_was_sealed_for() {
    let (key, owner, sealed) = sealed();
    let vault = vault(&[&key]);
    assert_eq!(vault.open(Place::Account, owner, &sealed), Err(VaultError::Altered));
    assert_eq!(vault.open(PLACE, Uuid::now_v7(), &sealed), Err(VaultError::Altered));
}

#[test]
fn parts_of_two_sealed_secrets_do_not_fit_together() {
    let (key, owner, one) = sealed();
    let other = vault(&[&key]).seal(PLACE, owner, SECRET);
    let cut = envelope::HEAD_LEN + 72;
    let mixed = Sealed([&one.bytes()[..cut], &other.bytes()[cut..]].concat());
    assert_eq!(vault(&[&key]).open(PLACE, owner, &mixed), Err(VaultError::Altered));
}

#[test]
fn another_key_does_not_open_it_and_the_error_says_which_would() {
    let (key, owner, sealed) = sealed();
    for vault in [Vault::default(), vault(&[&MasterKey::generate()])] {
        let error = vault.open(PLACE, owner, &sealed).expect_err("it stays shut");
        assert_eq!(error, VaultError::MissingKey(key.id()));
        assert!(error.to_string().contains(&key.id().to_string()));
    }
}

#[test]
fn an_old_key_opens_what_it_sealed_until_that_is_under_the_new_one() {
    let (old, owner, sealed) = sealed();
    let new = MasterKey::generate();
    let both = vault(&[&new, &old]);
    assert_eq!(both.open(PLACE, owner, &sealed).as_deref(), Ok(SECRET));
    let renewed = both.renew(PLACE, owner, &sealed).expect("it opens").expect("it was under the old key");
    assert!(!renewed.was_plain);
    assert_eq!(vault(&[&new]).open(PLACE, owner, &renewed.sealed).as_deref(), Ok(SECRET));
    let content = envelope::HEAD_LEN + 72;
    assert_eq!(renewed.sealed.bytes()[content..], sealed.bytes()[content..], "only the data key is wrapped anew");
    assert!(matches!(both.renew(PLACE, owner, &renewed.sealed), Ok(None)), "it is where it belongs");
    assert!(both.renew(Place::Account, owner, &sealed).is_err(), "what lies in a wrong place is not taken over");
}

#[test]
fn a_plain_secret_is_sealed_by_its_renewal() {
    let (key, owner) = (MasterKey::generate(), Uuid::now_v7());
    let plain = Vault::default().seal(PLACE, owner, SECRET);
    let renewed = vault(&[&key]).renew(PLACE, owner, &plain).expect("it opens").expect("it was not sealed");
    assert!(renewed.was_plain && renewed.sealed != plain);
    assert_eq!(vault(&[&key]).open(PLACE, owner, &renewed.sealed).as_deref(), Ok(SECRET));
    assert!(matches!(Vault::default().renew(PLACE, owner, &plain), Ok(None)));
}

#[test]
fn debug_shows_nothing_of_secrets_and_keys() {
    let (key, _, sealed) = sealed();
    assert_eq!(format!("{sealed:?}"), "Sealed(…)");
    assert_eq!(format!("{:?}", vault(&[&key])), format!("Vault([MasterKey({})])", key.id()));
    assert_ne!(key.reveal(), MasterKey::generate().reveal());
    assert_eq!(key.reveal().parse::<MasterKey>().expect("a key").id(), key.id());
}
